import type { Command } from "#cli/command/command.ts";
import { commands } from "#cli/commands.ts";
import { groupMembers, topLevelNames } from "#cli/command/command-names.ts";
import { findCommand } from "#cli/command/find-command.ts";
import { groups } from "#cli/groups.ts";
import type { Completion, Flag, FlagTable } from "#cli/command/flags.ts";

/** One thing to offer, with what zsh and fish show beside it. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What the engine or the context store is asked for. */
export type NameSource = Exclude<Completion, readonly string[] | "files">;

/** What to offer for the last word: fixed candidates, names of a kind, or files by the shell. */
export type CompletionPlan =
  | { readonly kind: "words"; readonly candidates: readonly Candidate[] }
  | {
      readonly kind: "names";
      readonly source: NameSource;
      /** What the word begins with before the name: `--network=`. */
      readonly prefix: string;
      /** Names that stand on the line already. */
      readonly taken: readonly string[];
    }
  | { readonly kind: "files" };

const nothing: CompletionPlan = { kind: "words", candidates: [] };

/**
 * Decides what completes a command line.
 *
 * @param words What was typed after the program's name; the last one, perhaps empty, is to be
 *   completed.
 */
export async function planCompletion(
  words: readonly string[],
  globals: FlagTable,
): Promise<CompletionPlan> {
  const last = words.at(-1) ?? "";
  const before = scanFlags(globals, words.slice(0, -1), false);
  if (before.awaiting) return planValue(before.awaiting, last, "", []);
  if (before.args.length === 0) {
    return last.startsWith("-") ? planFlag(globals, last) : offer(topLevelCandidates(), last);
  }
  const group = await planGroupFlags(before.args, last);
  if (group.plan) return group.plan;
  const found = await findCommand(group.words);
  if (found.kind === "group" && found.rest.length === 0) {
    return offer(memberCandidates(found.name), last);
  }
  if (found.kind !== "command") return nothing;
  const { command } = await found.entry.load();
  return planArguments(command, found.rest, last);
}

/**
 * The flags between a group's name and the command's, where the group has any.
 *
 * @returns A plan where one of them is to be completed, else the words without them.
 */
async function planGroupFlags(
  words: readonly string[],
  last: string,
): Promise<{ readonly plan?: CompletionPlan; readonly words: readonly string[] }> {
  const [name = "", ...rest] = words;
  const table = await groups.find((group) => group.name === name)?.flags?.();
  if (!table) return { words };
  const scan = scanFlags(table, rest, false);
  if (scan.awaiting) return { words, plan: planValue(scan.awaiting, last, "", []) };
  if (scan.args.length === 0 && last.startsWith("-")) return { words, plan: planFlag(table, last) };
  return { words: [name, ...scan.args] };
}

function planArguments(command: Command, rest: readonly string[], last: string): CompletionPlan {
  const interspersed = command.interspersed ?? true;
  const scan = scanFlags(command.flags, rest, interspersed);
  if (scan.awaiting) return planValue(scan.awaiting, last, "", []);
  const mayBeFlag = !scan.isEnded && (interspersed || scan.args.length === 0);
  if (last.startsWith("-") && mayBeFlag) return planFlag(command.flags, last);
  const { max } = command.args;
  if (max !== undefined && scan.args.length >= max) return nothing;
  const kinds = command.completeArgs ?? [];
  const wanted = kinds[Math.min(scan.args.length, kinds.length - 1)];
  return wanted === undefined ? nothing : planCompletionOf(wanted, last, "", scan.args);
}

/** Flags by name, or the value after `--flag=`. */
function planFlag(table: FlagTable, last: string): CompletionPlan {
  const assignment = /^--([^=]+)=(.*)$/s.exec(last);
  if (assignment) {
    const [, name = "", value = ""] = assignment;
    const flag = table[name];
    return flag ? planValue(flag, value, `--${name}=`, []) : nothing;
  }
  const shown = Object.entries(table).filter(
    ([, flag]) => !flag.hidden && flag.deprecated === undefined,
  );
  const candidates = shown.map(([name, flag]) => ({
    value: `--${name}`,
    description: firstLine(flag.help),
  }));
  return offer([...candidates, { value: "--help", description: "Print usage" }], last);
}

function planValue(
  flag: Flag<unknown>,
  typed: string,
  prefix: string,
  taken: readonly string[],
): CompletionPlan {
  return flag.complete === undefined
    ? nothing
    : planCompletionOf(flag.complete, typed, prefix, taken);
}

function planCompletionOf(
  completion: Completion,
  typed: string,
  prefix: string,
  taken: readonly string[],
): CompletionPlan {
  if (completion === "files") return { kind: "files" };
  if (typeof completion === "string") return { kind: "names", source: completion, prefix, taken };
  const candidates = completion.map((word) => ({ value: prefix + word, description: "" }));
  return offer(candidates, prefix + typed);
}

function offer(candidates: readonly Candidate[], typed: string): CompletionPlan {
  const matching = candidates.filter(({ value }) => value.startsWith(typed));
  return { kind: "words", candidates: matching.sort((a, b) => (a.value < b.value ? -1 : 1)) };
}

function topLevelCandidates(): Candidate[] {
  return topLevelNames().map((value) => {
    const entry = commands.find((one) => one.path === value || one.aliases?.includes(value));
    const group = groups.find((one) => one.name === value);
    return { value, description: entry?.summary ?? group?.summary ?? "" };
  });
}

function memberCandidates(group: string): Candidate[] {
  return groupMembers(group).map((entry) => ({
    value: entry.path.slice(group.length + 1),
    description: entry.summary,
  }));
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** Flags and arguments of an unfinished line: nothing is refused. */
interface FlagScan {
  readonly args: readonly string[];
  /** A flag whose value is the next word. */
  readonly awaiting: Flag<unknown> | undefined;
  /** `--` has been given. */
  readonly isEnded: boolean;
}

function scanFlags(table: FlagTable, words: readonly string[], interspersed: boolean): FlagScan {
  const args: string[] = [];
  let awaiting: Flag<unknown> | undefined;
  for (const [index, word] of words.entries()) {
    if (awaiting) {
      awaiting = undefined;
    } else if (word === "--") {
      return { args: [...args, ...words.slice(index + 1)], awaiting: undefined, isEnded: true };
    } else if (word.startsWith("-") && word !== "-") {
      awaiting = flagAwaitingValue(table, word);
    } else {
      if (!interspersed) return { args: words.slice(index), awaiting: undefined, isEnded: false };
      args.push(word);
    }
  }
  return { args, awaiting, isEnded: false };
}

/** The flag of a word such as `--format`, `-f` or `-af` whose value is still to come. */
function flagAwaitingValue(table: FlagTable, word: string): Flag<unknown> | undefined {
  if (word.includes("=")) return undefined;
  if (word.startsWith("--")) {
    const flag = table[word.slice(2)];
    return flag && !flag.isSwitch ? flag : undefined;
  }
  const letters = word.slice(1);
  for (const [index, letter] of letters.split("").entries()) {
    const flag = Object.values(table).find((one) => one.short === letter);
    if (!flag) return undefined;
    if (!flag.isSwitch) return index === letters.length - 1 ? flag : undefined;
  }
  return undefined;
}
