import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { textFlag } from "#cli/compose/project/group-flags.ts";

const CHOICES = ["never", "always", "auto"] as const;
export type AnsiChoice = (typeof CHOICES)[number];

/**
 * Whether control characters may be printed: `--ansi`, else COMPOSE_ANSI, else where there is a terminal.
 *
 * @throws {ExitError} It is another word.
 */
export function ansiChoice(cli: Cli, flags: GroupFlags): AnsiChoice {
  if (flags.values["no-ansi"] === true) return "never";
  // `auto` is what the flag says unless said
  const flag = textFlag(flags, "ansi") ?? "auto";
  const asked = flag === "auto" ? cli.env["COMPOSE_ANSI"] || "auto" : flag;
  const choice = CHOICES.find((each) => each === asked);
  if (choice !== undefined) return choice;
  throw new ExitError(
    `unsupported --ansi value ${JSON.stringify(asked)}: want ${CHOICES.join(", ")}`,
    1,
  );
}

/** Whether the logs have colours: where control characters may be printed, unless told otherwise. */
export function hasColours(cli: Cli, flags: GroupFlags, isPlain: boolean): boolean {
  const choice = ansiChoice(cli, flags);
  if (isPlain || choice === "never") return false;
  return choice === "always" || (cli.output.isTerminal && (cli.env["NO_COLOR"] ?? "") === "");
}
