import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { ConflictError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";

/*
 * `create` leaves the container's first process waiting on `<rootDir>/<id>/exec.fifo`; `start` does
 * nothing but end that wait, and costs a process (5 to 15 ms). So we end it ourselves. crun's process
 * reads one byte from the fifo; runc's writes one and then executes the command. Both runtimes show
 * "created" as long as the fifo's name exists, so removing it keeps their `state`, `exec` and `pause` right.
 */

const RETRY_MS = 1;

export interface ExecFifo {
  readonly path: string;
  readonly family: "crun" | "runc";
  /** Whether the waiting process still lives. */
  readonly isAlive: () => boolean;
}

/** @throws {ConflictError} The waiting process is gone. */
export async function releaseProcess(fifo: ExecFifo, clock: Clock): Promise<void> {
  if (fifo.family === "crun") writeRelease(fifo);
  else await readRelease(fifo, clock);
  unlinkSync(fifo.path);
}

/**
 * Ends a start that an earlier daemon began and may not have finished.
 *
 * @param patienceMs How long a living process that does not use the fifo is given before it counts as
 *   released already.
 */
export async function finishRelease(
  fifo: ExecFifo,
  clock: Clock,
  patienceMs: number,
): Promise<void> {
  if (!existsSync(fifo.path)) return;
  const endMs = clock.monotonicMs() + patienceMs;
  try {
    if (fifo.family === "crun") writeRelease(fifo);
    else await readRelease({ ...fifo, isAlive: () => clock.monotonicMs() < endMs }, clock);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error; // released before: nobody at the other end
  }
  unlinkSync(fifo.path);
}

function writeRelease(fifo: ExecFifo): void {
  const fd = openFifo(fifo, constants.O_WRONLY);
  try {
    writeSync(fd, "\0");
  } finally {
    closeSync(fd);
  }
}

/** The writer waits in open(2) for a reader, then writes; its write must not find the reader gone. */
async function readRelease(fifo: ExecFifo, clock: Clock): Promise<void> {
  const fd = openFifo(fifo, constants.O_RDONLY);
  try {
    for (let attempt = 0; ; attempt++) {
      const isAlive = fifo.isAlive(); // asked first: a short process has written and ended since
      if (hasByte(fd)) return;
      if (!isAlive) throw gone();
      // The writer needs some microseconds to wake: one turn of the event loop is mostly enough.
      if (attempt < 20) await new Promise<void>((resolve) => setImmediate(resolve));
      else await clock.delay(RETRY_MS);
    }
  } finally {
    closeSync(fd);
  }
}

function openFifo(fifo: ExecFifo, access: number): number {
  try {
    return openSync(fifo.path, access | constants.O_NONBLOCK);
  } catch (error) {
    throw gone({ cause: error }); // ENOENT: started before; ENXIO: nobody waits
  }
}

function hasByte(fd: number): boolean {
  try {
    return readSync(fd, new Uint8Array(1)) === 1;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return false;
    throw error;
  }
}

function gone(options?: ErrorOptions): ConflictError {
  return new ConflictError("Cannot start the container: its process does not wait", options);
}
