import { messageOf } from "#base/errors.ts";
import { exitCannotStart } from "#cli/command/exit-error.ts";

/** The exit code of a shell for a command that is not found, and for one that cannot be run. */
const exitNotFound = 127;
const exitCannotInvoke = 126;

/** Docker's engine tells why a process did not start by its words alone. */
export function exitCodeOfStart(error: unknown): number {
  const text = messageOf(error);
  if (/executable file not found|no such file or directory/.test(text)) return exitNotFound;
  return /permission denied|is a directory|exec format error/.test(text)
    ? exitCannotInvoke
    : exitCannotStart;
}
