import type { Command } from "./command.ts";
import type { CommandEntry } from "./command-entry.ts";
import { groupMembers, topLevelNames } from "./command-names.ts";
import { commands, commonCommands } from "#cli/commands.ts";
import { groups } from "#cli/groups.ts";
import type { Flag, FlagTable } from "./flags.ts";
import { wrapText } from "#base/wrap-text.ts";

/** Docker's layout of `--help`. @param width Columns of the terminal. */
export function commandHelp(
  program: string,
  entry: CommandEntry,
  typed: string,
  command: Command,
  width: number,
): string {
  const sections = [
    `Usage:  ${usageLine(program, typed, command)}`,
    wrapLines(command.description ?? entry.summary, width),
  ];
  const spellings = [entry.path, ...(entry.aliases ?? [])].map((name) => `${program} ${name}`);
  if (spellings.length > 1) sections.push(`Aliases:\n  ${spellings.join(", ")}`);
  const options = flagLines(command.flags, width);
  if (options.length > 0) sections.push(`Options:\n${options.join("\n")}`);
  return `${sections.join("\n\n")}\n`;
}

export function usageLine(program: string, typed: string, command: Command): string {
  const others = (command.usageAlternatives ?? []).map((form) => `\n\t${program} ${form}`);
  return `${program} ${typed}${command.usage === "" ? "" : ` ${command.usage}`}${others.join("")}`;
}

/** @param flags Those that stand before the group's commands. */
export function groupHelp(
  program: string,
  name: string,
  flags: FlagTable | undefined,
  width: number,
): string {
  const group = groups.find((one) => one.name === name);
  const members = groupMembers(name).map((entry) => ({
    name: entry.path.slice(name.length + 1),
    summary: entry.summary,
  }));
  const options = flags === undefined ? "" : `Options:\n${flagLines(flags, width).join("\n")}\n\n`;
  return `Usage:  ${program} ${name} ${flags === undefined ? "" : "[OPTIONS] "}COMMAND

${group?.summary ?? ""}

${options}${commandSection("Commands", members, width)}

Run '${program} ${name} COMMAND --help' for more information on a command.
`;
}

/** What `wharf` and `wharf --help` print. */
export function topLevelHelp(program: string, globals: FlagTable, width: number): string {
  const shown = topLevelNames().filter((name) => !groups.some((group) => group.name === name));
  const common = commonCommands.filter((name) => shown.includes(name));
  const others = shown.filter((name) => !common.includes(name));
  return `Usage:  ${program} [OPTIONS] COMMAND

A self-sufficient runtime for containers

${commandSection("Common Commands", common.map(describe), width)}

${commandSection("Management Commands", groups, width)}

${commandSection("Commands", [...others.map(describe), { name: "daemon", summary: "Run the engine" }].sort(byName), width)}

Global Options:
${flagLines(globals, width).join("\n")}

Run '${program} COMMAND --help' for more information on a command.
`;
}

interface NamedSummary {
  readonly name: string;
  readonly summary: string;
}

function describe(name: string): NamedSummary {
  const entry = commands.find((one) => one.path === name || one.aliases?.includes(name));
  return { name, summary: entry?.summary ?? "" };
}

function byName(a: NamedSummary, b: NamedSummary): number {
  return a.name < b.name ? -1 : 1;
}

/** Cobra pads names to at least 11 columns. */
const minNameColumns = 11;

function commandSection(title: string, members: readonly NamedSummary[], width: number): string {
  const column = Math.max(minNameColumns, ...members.map(({ name }) => name.length));
  const lines = members.map(
    ({ name, summary }) => `  ${name.padEnd(column)} ${wrapText(summary, column + 3, width - 1)}`,
  );
  return `${title}:\n${lines.join("\n")}`;
}

/** Prose is broken to fit; an example, which begins with a prompt, stays as it is. */
function wrapLines(text: string, width: number): string {
  return text
    .split("\n")
    .map((line) => (/^\s*[$#] /.test(line) ? line : wrapText(line, 0, width - 1)))
    .join("\n");
}

/** The flag column and its text, as pflag's `FlagUsagesWrapped` sets them. */
function flagLines(table: FlagTable, width: number): string[] {
  const shown = Object.entries(table)
    .filter(([, flag]) => !flag.hidden && flag.deprecated === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => ({
      left: leftColumn(name, flag),
      right: flag.help + defaultNote(flag),
    }));
  const indent = Math.max(0, ...shown.map(({ left }) => left.length)) + 3;
  return shown.map(({ left, right }) => {
    const text = wrapText(right, indent, width - 1);
    return `${left.padEnd(indent)}${text}`.trimEnd();
  });
}

function leftColumn(name: string, flag: Flag<unknown>): string {
  const value = valueName(flag);
  const start = flag.short ? `  -${flag.short}, --${name}` : `      --${name}`;
  return value === "" ? start : `${start} ${value}`;
}

/** pflag's short names of types in help. */
const shownTypes: Readonly<Record<string, string>> = {
  bool: "",
  int64: "int",
  uint64: "uint",
  float64: "float",
  stringSlice: "strings",
  ipSlice: "ipSlice",
  "gpu-request": "gpu-request",
};

function valueName(flag: Flag<unknown>): string {
  return flag.valueName ?? shownTypes[flag.type] ?? flag.type;
}

const quietDefaults: readonly string[] = ["", "false", "0", "0s", "<nil>"];
const pflagLists: readonly string[] = ["stringSlice", "stringArray", "ipSlice", "ipNetSlice"];

function defaultNote(flag: Flag<unknown>): string {
  const { defaultText, type } = flag;
  if (quietDefaults.includes(defaultText)) return "";
  if (defaultText === "[]" && pflagLists.includes(type)) return "";
  return ` (default ${type === "string" ? JSON.stringify(defaultText) : defaultText})`;
}
