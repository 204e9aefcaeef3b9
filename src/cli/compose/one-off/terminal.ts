import { ExitError } from "#cli/command/exit-error.ts";
import type { Cli } from "#cli/cli.ts";
import { boolFlag, type Flag } from "#cli/command/flags.ts";

/** `-T`, `-t` and `-i` of `run` and `exec`. */
export function terminalFlags(help: string): {
  readonly "no-tty": Flag<boolean>;
  readonly tty: Flag<boolean>;
} {
  return {
    "no-tty": boolFlag(help, { short: "T", default: true, spellings: ["no-TTY"] }),
    tty: boolFlag("Allocate a pseudo-TTY", { short: "t", hidden: true, default: true }),
  };
}

/** A terminal where our output is one, unless the user says another thing. */
export function wantsTerminal(
  cli: Cli,
  flags: { readonly "no-tty": boolean; readonly tty: boolean },
  isSet: (name: string) => boolean,
): boolean {
  if (isSet("no-tty")) return !flags["no-tty"];
  if (isSet("tty")) return flags.tty;
  return cli.output.isTerminal;
}

/** @throws {ExitError} A terminal is to be typed at, and there is none. */
export function checkTerminal(
  cli: Cli,
  {
    hasTerminal,
    isInteractive,
  }: { readonly hasTerminal: boolean; readonly isInteractive: boolean },
): void {
  if (!hasTerminal || !isInteractive || cli.input.isTerminal) return;
  throw new ExitError("the input device is not a TTY", 1);
}
