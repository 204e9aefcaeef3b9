import type { CommandEntry } from "./command-entry.ts";
import { containerCommands } from "#cli/container/commands.ts";
import { groups, laterGroups } from "#cli/groups.ts";

/** What the words after the program's name lead to. */
export type FoundCommand =
  | {
      readonly kind: "command";
      readonly entry: CommandEntry;
      /** The spelling that was typed: `ps`. */
      readonly typed: string;
      readonly rest: readonly string[];
    }
  | { readonly kind: "group"; readonly name: string; readonly rest: readonly string[] }
  | { readonly kind: "later"; readonly typed: string }
  | { readonly kind: "unknown"; readonly word: string };

type CommandMatch = FoundCommand & { readonly kind: "command" };

/**
 * Longest command or alias at the start of `words`. Most lines name a command of containers: the table of all the others is
 * loaded where it is none of those, which spares 70 page faults.
 */
export async function findCommand(words: readonly string[]): Promise<FoundCommand> {
  const [word = ""] = words;
  const isGroup = groups.some((group) => group.name === word);
  const length = isGroup || laterGroups.includes(word) ? Math.min(3, words.length) : 1;
  const ofContainers = longestMatch(containerCommands, words, length);
  if (ofContainers) return ofContainers;
  const { commands, laterCommands } = await import("#cli/commands.ts");
  const found = longestMatch(commands, words, length);
  if (found) return found;
  for (let count = length; count > 0; count -= 1) {
    const typed = words.slice(0, count).join(" ");
    if (laterCommands.includes(typed)) return { kind: "later", typed };
  }
  if (isGroup) return { kind: "group", name: word, rest: words.slice(1) };
  if (laterGroups.includes(word)) return { kind: "later", typed: words.slice(0, 2).join(" ") };
  return { kind: "unknown", word };
}

/** @param length Words that a spelling in the table may have. */
function longestMatch(
  table: readonly CommandEntry[],
  words: readonly string[],
  length: number,
): CommandMatch | undefined {
  for (let count = length; count > 0; count -= 1) {
    const typed = words.slice(0, count).join(" ");
    const entry = table.find((one) => one.path === typed || one.aliases?.includes(typed));
    if (entry) return { kind: "command", entry, typed, rest: words.slice(count) };
  }
  return undefined;
}
