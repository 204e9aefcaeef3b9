import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import { openFailure } from "#cli/output/open-failure.ts";

/** The file of `--cidfile`, held open so that its place is known to be writable. */
export interface CidFile extends Disposable {
  write(id: string): void;
}

/**
 * Opens the file; disposing it removes what was never written.
 *
 * @param path Empty for none.
 * @throws {ConflictError} When it exists: another container's ID may stand in it.
 */
export function openCidFile(path: string): CidFile {
  if (path === "") return { write: () => undefined, [Symbol.dispose]: () => undefined };
  const { closeSync, existsSync, openSync, rmSync, writeSync } =
    process.getBuiltinModule("node:fs");
  if (existsSync(path)) {
    throw new ConflictError(
      `container ID file found, make sure the other container isn't running or delete ${path}`,
    );
  }
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o666);
  } catch (error) {
    throw new InvalidArgumentError(
      `failed to create the container ID file: ${openFailure(path, error)}`,
      { cause: error },
    );
  }
  let isWritten = false;
  return {
    write(id) {
      writeSync(fd, id);
      isWritten = true;
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (!isWritten) rmSync(path, { force: true });
    },
  };
}
