import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";

const FILE_NAME = "engine-id";

/**
 * The engine's identity, kept in its data root: everything it makes on the host carries it.
 *
 * @throws {FailedPreconditionError} The file is damaged: another identity would orphan what exists.
 */
export function readOrCreateEngineId(dataRoot: string, newId: () => string): string {
  const path = join(dataRoot, FILE_NAME);
  const found = tryRead(path)?.trim();
  if (found !== undefined) {
    if (/^[0-9a-f-]{36}$/.test(found)) return found;
    throw new FailedPreconditionError(
      `Cannot read the engine's id in ${path}: want a UUID, found ${JSON.stringify(found.slice(0, 64))}`,
    );
  }
  const id = newId();
  const descriptor = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(descriptor, `${id}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
  return id;
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
