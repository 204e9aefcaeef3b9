import {
  CACHE_SHARINGS,
  MOUNT_TYPES,
  NETWORK_MODES,
  type ProcessMeta,
  type SecretEnv,
  SECURITY_MODES,
  type WireMount,
  type WireSecretMount,
} from "./exec.ts";

/** Detail of a failed `Solve`: which step failed, and under which names its mounts are kept. In protobuf's JSON. */
export const SOLVE_ERROR_TYPE = "github.com/moby/buildkit/errdefs.Solve+json";

/** `errdefs.Solve` of a RUN. */
export interface SolveError {
  /** The instruction, on one line. */
  readonly command: string;
  readonly meta: ProcessMeta;
  /** Without names. */
  readonly mounts: readonly WireMount[];
  /** Names of the mounts as they were before the step, in the order of `mounts`; empty for those without files. */
  readonly inputIds: readonly string[];
  /** … and as it left them. */
  readonly mountIds: readonly string[];
  /** Indices in `NETWORK_MODES` and `SECURITY_MODES`. */
  readonly network: number;
  readonly security: number;
  readonly secretEnv: readonly SecretEnv[];
}

const COMMAND_KEY = "com.docker.dockerfile.v1.command";

export function writeSolveError(error: SolveError): Uint8Array {
  const { inputIds, mountIds, meta, mounts, network, security, secretEnv, command } = error;
  const value = {
    inputIDs: inputIds,
    mountIDs: mountIds,
    op: {
      exec: {
        meta,
        mounts: mounts.map(({ destination, isReadOnly, selector, type }) => ({
          selector,
          dest: destination,
          readonly: isReadOnly,
          mountType: MOUNT_TYPES[type],
        })),
        network: NETWORK_MODES[network],
        security: SECURITY_MODES[security],
        secretenv: secretEnv.map(({ id, name, isOptional }) => ({
          ID: id,
          name,
          optional: isOptional,
        })),
      },
    },
    description: { [COMMAND_KEY]: command },
  };
  return Buffer.from(JSON.stringify(value));
}

/** @returns Undefined for an operation that is no RUN, and for what is no such detail. */
export function readSolveError(bytes: Uint8Array): SolveError | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined; // the error's message tells the main thing
  }
  const detail = fieldsOf(value);
  const exec = fieldsOf(fieldsOf(detail["op"])["exec"]);
  if (exec["meta"] === undefined) return undefined;
  const meta = fieldsOf(exec["meta"]);
  return {
    command: textOf(fieldsOf(detail["description"])[COMMAND_KEY]),
    meta: {
      args: textsOf(meta["args"]),
      env: textsOf(meta["env"]),
      cwd: textOf(meta["cwd"]),
      user: textOf(meta["user"]),
    },
    mounts: listOf(exec["mounts"]).map(readMount),
    inputIds: textsOf(detail["inputIDs"]),
    mountIds: textsOf(detail["mountIDs"]),
    network: indexOf(NETWORK_MODES, exec["network"]),
    security: indexOf(SECURITY_MODES, exec["security"]),
    secretEnv: listOf(exec["secretenv"]).map((item) => ({
      id: textOf(item["ID"]),
      name: textOf(item["name"]),
      isOptional: item["optional"] === true,
    })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function readMount(fields: Fields): WireMount {
  const cache = optionalFields(fields["cacheOpt"]);
  const tmpfs = optionalFields(fields["TmpfsOpt"]);
  const secret = optionalFields(fields["secretOpt"]);
  const ssh = optionalFields(fields["SSHOpt"]);
  return {
    selector: textOf(fields["selector"]),
    destination: textOf(fields["dest"]),
    isReadOnly: fields["readonly"] === true,
    type: indexOf(MOUNT_TYPES, fields["mountType"]),
    tmpfs: tmpfs && { sizeBytes: numberOf(tmpfs["size"]) },
    cache: cache && {
      id: textOf(cache["ID"]),
      sharing: indexOf(CACHE_SHARINGS, cache["sharing"]),
    },
    secret: secret && readSecretMount(secret),
    ssh: ssh && readSecretMount(ssh),
    resultId: "",
  };
}

function readSecretMount(fields: Fields): WireSecretMount {
  return {
    id: textOf(fields["ID"]),
    uid: numberOf(fields["uid"]),
    gid: numberOf(fields["gid"]),
    mode: numberOf(fields["mode"]),
    isOptional: fields["optional"] === true,
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function optionalFields(value: unknown): Fields | undefined {
  return value === undefined ? undefined : fieldsOf(value);
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Of 64 bits they are texts. */
function numberOf(value: unknown): number {
  return typeof value === "number" || typeof value === "string" ? Number(value) : 0;
}

/** Enumerations are words, or numbers; the first is left out. */
function indexOf(words: readonly string[], value: unknown): number {
  if (typeof value === "number") return value;
  return Math.max(0, words.indexOf(textOf(value)));
}
