import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";
import {
  type ContextMeta,
  type TlsFiles,
  contextPlaces,
  contextsDir,
  defaultContextName,
  readContext,
  readContextMeta,
  readContextTls,
} from "./stored-context.ts";

/**
 * Docker's context store: `meta/<sha256 of the name>/meta.json` and
 * `tls/<sha256 of the name>/docker/*.pem` below `~/.docker/contexts`.
 */
export class ContextStore {
  readonly #configDir: string;

  /** @param configDir The client's configuration folder, `~/.docker`. */
  constructor(configDir: string) {
    this.#configDir = configDir;
  }

  metaDir(name: string): string {
    return contextPlaces(this.#configDir, name).metaDir;
  }

  tlsDir(name: string): string {
    return contextPlaces(this.#configDir, name).tlsDir;
  }

  has(name: string): boolean {
    return existsSync(`${this.metaDir(name)}/meta.json`);
  }

  /** All contexts but `default`, in no particular order. */
  list(): ContextMeta[] {
    const folder = `${contextsDir(this.#configDir)}/meta`;
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .map((id) => `${folder}/${id}/meta.json`)
      .filter((path) => existsSync(path))
      .map(readContextMeta);
  }

  /** @throws {NotFoundError} In docker's words. */
  read(name: string): ContextMeta {
    return readContext(this.#configDir, name);
  }

  write(meta: ContextMeta): void {
    const folder = this.metaDir(meta.Name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const temporary = `${folder}/meta.json.${process.pid}.tmp`;
    writeFileSync(temporary, JSON.stringify(meta), { mode: 0o644 });
    renameSync(temporary, `${folder}/meta.json`);
  }

  readTls(name: string): TlsFiles {
    return readContextTls(this.#configDir, name);
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
