import { InvalidArgumentError } from "#base/errors.ts";
import type { FailedState } from "#build-client/debug/failed-run.ts";
import { customFlag, type Flag } from "#cli/command/flags.ts";

/** In which state a failed step is looked at; undefined where it is not. */
type DebugChoice = FailedState | undefined;

/** `--debug`, `--debug=after`. */
export function debugFlag(): Flag<DebugChoice> {
  return {
    ...customFlag<DebugChoice>(
      "string",
      'When a step fails, open a shell with its files as they were "before" it, or as it left them ("after")',
      "",
      undefined,
      parseChoice,
      { complete: ["before", "after"] },
    ),
    isSwitch: true,
  };
}

function parseChoice(text: string): DebugChoice {
  switch (text) {
    case "before":
    case "after":
      return text;
    case "true":
      return "before";
    case "false":
      return undefined;
    default:
      throw new InvalidArgumentError('there are "before" and "after"');
  }
}
