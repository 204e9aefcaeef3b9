import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";

/** @throws {InvalidArgumentError} When a TTY is to be typed at, and our input is none. */
export function checkInputTerminal(cli: Cli, usesInput: boolean, hasTerminal: boolean): void {
  if (usesInput && hasTerminal && !cli.input.isTerminal) {
    throw new InvalidArgumentError(
      "cannot attach stdin to a TTY-enabled container because stdin is not a terminal",
    );
  }
}
