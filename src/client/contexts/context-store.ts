import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { InvalidArgumentError, NotFoundError, messageOf } from "#base/errors.ts";

/** One engine's address as a context holds it. */
export interface ContextEndpoint {
  readonly Host: string;
  readonly SkipTLSVerify: boolean;
}

/** `meta.json` of docker's context store; unknown parts are kept as they are. */
export interface ContextMeta {
  readonly Name: string;
  readonly Metadata: Readonly<Record<string, unknown>>;
  readonly Endpoints: Readonly<Record<string, ContextEndpoint>>;
}

/** Files of one side of TLS by name: `ca.pem`, `cert.pem`, `key.pem`. */
export type TlsFiles = Readonly<Record<string, Uint8Array>>;

/** The name that stands for the endpoint of the environment; it has no files. */
export const defaultContextName = "default";

/**
 * Docker's context store: `meta/<sha256 of the name>/meta.json` and
 * `tls/<sha256 of the name>/docker/*.pem` below `~/.docker/contexts`.
 */
export class ContextStore {
  readonly directory: string;

  /** @param configDir The client's configuration folder, `~/.docker`. */
  constructor(configDir: string) {
    this.directory = `${configDir}/contexts`;
  }

  metaDir(name: string): string {
    return `${this.directory}/meta/${hashName(name)}`;
  }

  tlsDir(name: string): string {
    return `${this.directory}/tls/${hashName(name)}`;
  }

  has(name: string): boolean {
    return existsSync(`${this.metaDir(name)}/meta.json`);
  }

  /** All contexts but `default`, in no particular order. */
  list(): ContextMeta[] {
    const folder = `${this.directory}/meta`;
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .map((id) => `${folder}/${id}/meta.json`)
      .filter((path) => existsSync(path))
      .map(readMeta);
  }

  /** @throws {NotFoundError} In docker's words. */
  read(name: string): ContextMeta {
    if (!this.has(name)) {
      throw new NotFoundError(
        `context ${JSON.stringify(name)}: context not found: open ${this.metaDir(name)}/meta.json: no such file or directory`,
      );
    }
    return readMeta(`${this.metaDir(name)}/meta.json`);
  }

  write(meta: ContextMeta): void {
    const folder = this.metaDir(meta.Name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const temporary = `${folder}/meta.json.${process.pid}.tmp`;
    writeFileSync(temporary, JSON.stringify(meta), { mode: 0o644 });
    renameSync(temporary, `${folder}/meta.json`);
  }

  readTls(name: string): TlsFiles {
    const folder = `${this.tlsDir(name)}/docker`;
    const files: Record<string, Uint8Array> = {};
    if (!existsSync(folder)) return files;
    for (const file of readdirSync(folder)) files[file] = readFileSync(`${folder}/${file}`);
    return files;
  }

  /** Replaces all TLS files of the context; an empty table removes them. */
  writeTls(name: string, files: TlsFiles): void {
    rmSync(this.tlsDir(name), { recursive: true, force: true });
    if (Object.keys(files).length === 0) return;
    const folder = `${this.tlsDir(name)}/docker`;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [file, bytes] of Object.entries(files)) {
      writeFileSync(`${folder}/${file}`, bytes, { mode: 0o600 });
    }
  }

  remove(name: string): void {
    rmSync(this.metaDir(name), { recursive: true, force: true });
    rmSync(this.tlsDir(name), { recursive: true, force: true });
  }
}

function hashName(name: string): string {
  return new Bun.CryptoHasher("sha256").update(name).digest("hex");
}

/**
 * @throws {InvalidArgumentError} In docker's words when `name` cannot name a new context.
 */
export function checkContextName(name: string): void {
  if (name === "") throw new InvalidArgumentError("context name cannot be empty");
  if (name === defaultContextName) {
    throw new InvalidArgumentError(`"default" is a reserved context name`);
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name)) {
    throw new InvalidArgumentError(
      `context name ${JSON.stringify(name)} is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
  }
}

function readMeta(path: string): ContextMeta {
  try {
    return parseContextMeta(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new InvalidArgumentError(`Cannot read context ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** @throws {InvalidArgumentError} When it is no context of docker's shape. */
export function parseContextMeta(value: unknown): ContextMeta {
  if (!isRecord(value) || typeof value["Name"] !== "string") {
    throw new InvalidArgumentError("want an object with a Name");
  }
  const { Metadata: metadata, Endpoints: endpoints } = value;
  const parsed: Record<string, ContextEndpoint> = {};
  for (const [kind, endpoint] of Object.entries(isRecord(endpoints) ? endpoints : {})) {
    if (!isRecord(endpoint)) continue;
    const { Host: host, SkipTLSVerify: skips, ...rest } = endpoint;
    parsed[kind] = {
      ...rest,
      Host: typeof host === "string" ? host : "",
      SkipTLSVerify: skips === true,
    };
  }
  return { Name: value["Name"], Metadata: isRecord(metadata) ? metadata : {}, Endpoints: parsed };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
