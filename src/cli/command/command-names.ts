import type { CommandEntry } from "./command-entry.ts";
import { commands } from "#cli/commands.ts";
import { groups } from "#cli/groups.ts";

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
