import type { CommandEntry } from "./command-entry.ts";
import { commands, groups, laterCommands, laterGroups } from "#cli/commands.ts";

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

/** Longest command or alias at the start of `words`. */
export function findCommand(words: readonly string[]): FoundCommand {
  const [word = ""] = words;
  const isGroup = groups.some((group) => group.name === word) || laterGroups.includes(word);
  // most lines are of one word and the rest: the table is searched once for them
  for (let length = isGroup ? Math.min(3, words.length) : 1; length > 0; length -= 1) {
    const typed = words.slice(0, length).join(" ");
    const entry = commands.find((one) => one.path === typed || one.aliases?.includes(typed));
    if (entry) return { kind: "command", entry, typed, rest: words.slice(length) };
    if (laterCommands.includes(typed)) return { kind: "later", typed };
  }
  if (groups.some((group) => group.name === word)) {
    return { kind: "group", name: word, rest: words.slice(1) };
  }
  if (laterGroups.includes(word)) return { kind: "later", typed: words.slice(0, 2).join(" ") };
  return { kind: "unknown", word };
}

/** All spellings with one word, for the top-level help and completion. */
export function topLevelNames(): string[] {
  const names = commands
    .filter((entry) => !entry.hidden)
    .flatMap((entry) => [entry.path, ...(entry.aliases ?? [])])
    .filter((spelling) => !spelling.includes(" "));
  return [...names, ...groups.map((group) => group.name)].sort();
}

/** The second words of a group, canonical spellings only. */
export function groupMembers(group: string): CommandEntry[] {
  return commands
    .filter((entry) => !entry.hidden && entry.path.startsWith(`${group} `))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
