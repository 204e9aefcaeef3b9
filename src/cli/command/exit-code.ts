import { type ErrorKind, WharfError } from "#base/errors.ts";
import { ExitError } from "./exit-error.ts";
import { BrokenPipeError } from "#cli/output/streams.ts";

/** Docker's client exits 1 for all that has no code of its own; `run` and `exec` use ExitError. */
const exitCodes: Readonly<Record<ErrorKind, number>> = {
  "invalid-argument": 1,
  unauthenticated: 1,
  "permission-denied": 1,
  "not-found": 1,
  conflict: 1,
  "not-modified": 1,
  "failed-precondition": 1,
  "resource-exhausted": 1,
  "rate-limited": 1,
  unsupported: 1,
  unavailable: 1,
  cancelled: 1,
  internal: 1,
};

/** As a process that SIGPIPE ends. */
export const exitBrokenPipe: number = 128 + 13;

export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof BrokenPipeError) return exitBrokenPipe;
  return error instanceof WharfError ? exitCodes[error.kind] : 1;
}
