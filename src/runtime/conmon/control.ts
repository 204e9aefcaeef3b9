import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ConflictError } from "#base/errors.ts";

/** @throws {ConflictError} No conmon reads the fifo. */
export function sendResize(
  fifoPath: string,
  size: { readonly columns: number; readonly rows: number },
): void {
  send(fifoPath, `1 ${size.rows} ${size.columns}\n`);
}

/** @throws {ConflictError} No conmon reads the fifo. */
export function sendReopenLog(fifoPath: string): void {
  send(fifoPath, "2 0 0\n");
}

function send(fifoPath: string, message: string): void {
  let fd: number;
  try {
    fd = openSync(fifoPath, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new ConflictError("Cannot reach the container's supervisor: it is not running", {
      cause: error,
    });
  }
  try {
    writeSync(fd, message);
  } finally {
    closeSync(fd);
  }
}
