import { UnsupportedError, type WharfError, messageOf } from "#base/errors.ts";
import { compareApiVersions, oldestApiVersion } from "#client/api-version.ts";
import type { Cli } from "#cli/cli.ts";
import type { Command, GroupFlags } from "./command.ts";
import { groups } from "#cli/groups.ts";
import { ExitError, exitCannotStart } from "./exit-error.ts";
import { findCommand, type FoundCommand } from "./find-command.ts";
import type { FlagTable } from "./flags.ts";
import type { Output } from "#cli/output/streams.ts";
import { type ParsedFlags, UnknownFlagError, parseFlags } from "./parse-flags.ts";
import { nearestFlag } from "./nearest-flag.ts";

/** The name in usage lines and messages. */
export const program = "wharf";

/** Width of help where there is no terminal. */
const defaultColumns = 80;

/** What stood before the command's own words. */
export interface Lead {
  /** `wharf help …` was typed. */
  readonly wantsHelp: boolean;
  readonly groupFlags?: ParsedFlags | undefined;
}

/**
 * The flags between a group's name and the command's, where the group has any.
 *
 * @returns The words without them. Undefined for other groups and commands.
 */
export async function parseGroupFlags(
  programName: string,
  words: readonly string[],
): Promise<{ readonly words: readonly string[]; readonly parsed: ParsedFlags } | undefined> {
  const [name] = words;
  const table = await groups.find((group) => group.name === name)?.flags?.();
  if (name === undefined || table === undefined) return undefined;
  try {
    const parsed = parseFlags(table, words.slice(1), false);
    return { words: [name, ...parsed.args], parsed };
  } catch (error) {
    const full = `${programName} ${name}`;
    throw flagError(error, `${full} [OPTIONS] COMMAND`, full, table);
  }
}

/**
 * Runs what the words lead to.
 *
 * @param path The words after the global flags, without those of a group.
 */
export async function runFound(
  cli: Cli,
  found: FoundCommand,
  path: readonly string[],
  lead: Lead,
): Promise<number> {
  const wantsHelp = lead.wantsHelp || (lead.groupFlags?.wantsHelp ?? false);
  switch (found.kind) {
    case "unknown": {
      const { unknownCommand } = await import("./unknown-command.ts");
      throw unknownCommand(
        program,
        path.slice(0, 1),
        `Run '${program} --help' for more information`,
      );
    }
    case "later":
      throw new ExitError(`${program}: '${program} ${found.typed}' is not in this version yet`, 1);
    case "group": {
      const version =
        lead.groupFlags?.values["version"] === true && found.rest.length === 0
          ? await findCommand([found.name, "version"])
          : undefined;
      if (version?.kind === "command") return runFound(cli, version, path, { wantsHelp });
      return runGroup(cli, found.name, found.rest, wantsHelp);
    }
    case "command": {
      const { command } = await found.entry.load();
      return runCommand(cli, command, found, { ...lead, wantsHelp });
    }
  }
}

async function runGroup(
  cli: Cli,
  name: string,
  rest: readonly string[],
  wantsHelp: boolean,
): Promise<number> {
  const full = `${program} ${name}`;
  let parsed: ParsedFlags;
  try {
    parsed = parseFlags({}, rest, false);
  } catch (error) {
    throw flagError(error, full, full, {});
  }
  const [word] = parsed.args;
  if (word !== undefined && !parsed.wantsHelp) {
    const { unknownCommand } = await import("./unknown-command.ts");
    throw unknownCommand(
      program,
      [name, word],
      `Usage:  ${full} COMMAND\n\nRun '${full} --help' for more information`,
    );
  }
  const { groupHelp } = await import("./help.ts");
  const target = wantsHelp || parsed.wantsHelp ? cli.output : cli.errors;
  const flags = await groups.find((group) => group.name === name)?.flags?.();
  target.write(groupHelp(program, name, flags, terminalWidth(target)));
  return 0;
}

async function runCommand(
  cli: Cli,
  command: Command,
  found: FoundCommand & { readonly kind: "command" },
  { wantsHelp, groupFlags }: Lead,
): Promise<number> {
  const commandLine = `${program} ${found.typed}`;
  const others = (command.usageAlternatives ?? []).map((form) => `\n\t${program} ${form}`);
  const usage = `${commandLine}${command.usage === "" ? "" : ` ${command.usage}`}${others.join("")}`;
  let parsed: ParsedFlags;
  try {
    parsed = parseFlags(command.flags, found.rest, command.interspersed ?? true);
  } catch (error) {
    throw flagError(error, usage, commandLine, command.flags);
  }
  for (const notice of parsed.notices) cli.errors.write(`${notice}\n`);
  if (wantsHelp || parsed.wantsHelp) {
    const { commandHelp } = await import("./help.ts");
    const width = terminalWidth(cli.output);
    cli.output.write(commandHelp(program, found.entry, found.typed, command, width));
    return 0;
  }
  checkArgumentCount(command, parsed.args.length, commandLine, usage);
  await checkApiVersion(cli, command, parsed.given);
  const given: GroupFlags = groupFlags ?? { values: {}, given: new Set() };
  return command.run(cli, {
    flags: parsed.values,
    args: parsed.args,
    commandLine,
    groupFlags: given,
    isSet: (name) => parsed.given.has(name),
  });
}

/** Docker's frame around an error of the flags; adds the nearest flag where one is near. */
export function flagError(
  error: unknown,
  usage: string,
  commandLine: string,
  table: FlagTable,
): WharfError {
  const near = error instanceof UnknownFlagError ? nearestFlag(error.flagName, table) : undefined;
  const suggestion = near === undefined ? "" : `\nDid you mean --${near}?`;
  return new ExitError(
    `${messageOf(error)}${suggestion}\n\nUsage:  ${usage}\n\nRun '${commandLine} --help' for more information`,
    badFlagExitCode(commandLine),
    { cause: error },
  );
}

function badFlagExitCode(commandLine: string): number {
  const [, groupName] = commandLine.split(" ");
  return groups.find(({ name }) => name === groupName)?.badFlagExitCode ?? exitCannotStart;
}

function checkArgumentCount(
  command: Command,
  count: number,
  commandLine: string,
  usage: string,
): void {
  const { min, max } = command.args;
  if (count >= min && (max === undefined || count <= max)) return;
  const plural = (limit: number): string => `${limit} argument${limit === 1 ? "" : "s"}`;
  const what =
    max === 0
      ? "accepts no arguments"
      : min === max
        ? `requires ${plural(min)}`
        : count < min
          ? `requires at least ${plural(min)}`
          : `requires at most ${plural(max ?? 0)}`;
  const verb = min !== max && count < min ? "See" : "Run";
  throw new ExitError(
    `${program}: '${commandLine}' ${what}\n\nUsage:  ${usage}\n\n${verb} '${commandLine} --help' for more information`,
    1,
  );
}

/** Refuses a flag that the engine is too old for; asks it only when such a flag was given. */
async function checkApiVersion(
  cli: Cli,
  command: Command,
  given: ReadonlySet<string>,
): Promise<void> {
  for (const name of given) {
    const needed = command.flags[name]?.minApi;
    if (needed === undefined || compareApiVersions(needed, oldestApiVersion) <= 0) continue;
    const engine = await cli.engine();
    const spoken = await engine.apiVersion();
    if (compareApiVersions(spoken, needed) >= 0) continue;
    throw new UnsupportedError(
      `"--${name}" requires API version ${needed}, but the Docker daemon API version is ${spoken}`,
    );
  }
}

export function terminalWidth(output: Output): number {
  return (output.isTerminal ? output.windowSize()?.columns : undefined) ?? defaultColumns;
}
