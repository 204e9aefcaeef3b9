import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ConflictError } from "#base/errors.ts";

/**
 * Writes our process id; removed again when disposed, unless someone else's is in it by then.
 *
 * @param isRunning Whether a process of that id is a daemon like us.
 * @throws {ConflictError} The file names a daemon that runs.
 */
export function openPidFile(
  path: string,
  pid: number,
  isRunning: (pid: number) => boolean,
): Disposable {
  const found = readPid(path);
  if (found !== undefined && found !== pid && isRunning(found)) {
    throw new ConflictError(
      `Cannot start the engine: process ${found} runs with the pid file ${path}; stop it or choose another --pidfile`,
    );
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${pid}\n`, { mode: 0o644 });
  return {
    [Symbol.dispose]: () => {
      if (readPid(path) === pid) rmSync(path, { force: true });
    },
  };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // no file, or none that can be read: nobody to respect
  }
}
