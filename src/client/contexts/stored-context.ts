import { InvalidArgumentError, NotFoundError, messageOf } from "#base/errors.ts";
import { pathExists, readTextFile } from "#libc/text-files.ts";

// What every command needs that is given a context: no more of the store than reading one.

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

/** Where the parts of one context are. */
export interface ContextPlaces {
  /** The folder of `meta.json`. */
  readonly metaDir: string;
  readonly tlsDir: string;
}

/** @param configDir The client's configuration folder, `~/.docker`. */
export function contextPlaces(configDir: string, name: string): ContextPlaces {
  const id = new Bun.CryptoHasher("sha256").update(name).digest("hex");
  const directory = contextsDir(configDir);
  return { metaDir: `${directory}/meta/${id}`, tlsDir: `${directory}/tls/${id}` };
}

export function contextsDir(configDir: string): string {
  return `${configDir}/contexts`;
}

/** @throws {NotFoundError} In docker's words. */
export function readContext(configDir: string, name: string): ContextMeta {
  const path = `${contextPlaces(configDir, name).metaDir}/meta.json`;
  if (!pathExists(path)) {
    throw new NotFoundError(
      `context ${JSON.stringify(name)}: context not found: open ${path}: no such file or directory`,
    );
  }
  return readContextMeta(path);
}

export function readContextTls(configDir: string, name: string): TlsFiles {
  const folder = `${contextPlaces(configDir, name).tlsDir}/docker`;
  const files: Record<string, Uint8Array> = {};
  if (!pathExists(folder)) return files;
  const { readFileSync, readdirSync } = process.getBuiltinModule("node:fs");
  for (const file of readdirSync(folder)) files[file] = readFileSync(`${folder}/${file}`);
  return files;
}

/** @param path Of a `meta.json`. */
export function readContextMeta(path: string): ContextMeta {
  try {
    return parseContextMeta(JSON.parse(readTextFile(path) ?? ""));
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
