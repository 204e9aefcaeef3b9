import { nearestWord } from "#base/nearest.ts";
import { groupMembers, topLevelNames } from "./command-names.ts";
import { ExitError } from "./exit-error.ts";

/**
 * The error for a command that does not exist, with the one that was probably meant.
 *
 * @param words What was typed: one word, or a group and a word.
 * @param ending Docker's lines below it.
 */
export function unknownCommand(
  program: string,
  words: readonly string[],
  ending: string,
): ExitError {
  const [first = "", second] = words;
  const near =
    second === undefined
      ? nearestWord(first, topLevelNames())
      : nearestWord(
          second,
          groupMembers(first).map((entry) => entry.path.slice(first.length + 1)),
        );
  const prefix = second === undefined ? program : `${program} ${first}`;
  const suggestion = near === undefined ? "" : `\nDid you mean '${prefix} ${near}'?`;
  return new ExitError(
    `${program}: unknown command: ${[program, ...words].join(" ")}${suggestion}\n\n${ending}`,
    1,
  );
}
