import { buildId, wharfVersion } from "#base/version.ts";
import { type WharfError, messageOf } from "#base/errors.ts";
import { EngineUnreachableError } from "#client/error-response.ts";
import type { Command } from "./command.ts";
import { exitCodeOf } from "./exit-code.ts";
import { ExitError, exitCannotStart } from "./exit-error.ts";
import { type FoundCommand, findCommand } from "./find-command.ts";
import type { FlagTable, FlagValues } from "./flags.ts";
import {
  type Environment,
  type GlobalFlags,
  type GlobalOptions,
  globalFlags,
  isLogLevel,
} from "./globals.ts";
import { openEngine } from "./open-engine.ts";
import type { Output } from "./output/streams.ts";
import { BrokenPipeError, FdOutput } from "./output/streams.ts";
import { type ParsedFlags, UnknownFlagError, parseFlags } from "./parse-flags.ts";
import { ProcessCli } from "./process-cli.ts";
import { nearestFlag, unknownCommand } from "./suggestions.ts";

const program = "wharf";

/** Runs one command line. @returns The exit code; failures are printed. */
export async function runCli(words: readonly string[]): Promise<number> {
  const errors = new FdOutput(2);
  try {
    return await dispatch(words, errors);
  } catch (error) {
    return report(error, errors);
  }
}

function report(error: unknown, errors: Output): number {
  const code = exitCodeOf(error);
  if (error instanceof BrokenPipeError) return code;
  const text = messageOf(error);
  try {
    if (text !== "") errors.write(`${text}${hintFor(error)}\n`);
  } catch {
    return code; // stderr is closed: nobody is left to tell
  }
  return code;
}

/** What to do next, where the words that docker has leave it open. */
function hintFor(error: unknown): string {
  if (!(error instanceof EngineUnreachableError)) return "";
  switch (error.reason) {
    case "missing":
    case "refused":
      return "\nStart an engine with 'wharf daemon', or name a running one: -H ADDRESS, DOCKER_HOST, or 'wharf context use'";
    case "denied":
      return "\nRun it as root, or as a member of the group that owns the socket";
    case "tls":
    case "other":
      return "";
  }
}

async function dispatch(words: readonly string[], errors: Output): Promise<number> {
  const env = process.env;
  const flags = globalFlags(env);
  if (words[0] === "__complete") return complete(env, flags, words.slice(1));
  const parsed = parseGlobals(flags, words);
  for (const notice of parsed.notices) errors.write(`${notice}\n`);
  const cli = new ProcessCli(env, readGlobals(parsed));
  if (parsed.values["version"] === true) {
    cli.output.write(`Wharf version ${wharfVersion}, build ${buildId}\n`);
    return 0;
  }
  const wantsHelp = parsed.wantsHelp || parsed.args[0] === "help";
  const path = parsed.args[0] === "help" ? parsed.args.slice(1) : parsed.args;
  if (path.length === 0) {
    const { topLevelHelp } = await import("./help.ts");
    const target = wantsHelp ? cli.output : cli.errors;
    target.write(topLevelHelp(program, flags, terminalWidth(target)));
    return 0;
  }
  const found = findCommand(path);
  try {
    return await runFound(cli, found, path, wantsHelp);
  } finally {
    cli.close();
  }
}

/** Completes a line: its flags are not those of this call, but say which engine has the names. */
async function complete(
  env: Environment,
  flags: GlobalFlags,
  words: readonly string[],
): Promise<number> {
  let parsed: ParsedFlags;
  try {
    parsed = parseFlags(flags, words.slice(0, -1), false);
  } catch {
    parsed = parseFlags(flags, [], false); // an unfinished line
  }
  const cli = new ProcessCli(env, readGlobals(parsed));
  const { runCompletion } = await import("./run-completion.ts");
  return runCompletion(cli, words, flags, () => openEngine(cli, { mayStart: false }));
}

function parseGlobals(flags: FlagTable, words: readonly string[]): ParsedFlags {
  try {
    return parseFlags(flags, words, false);
  } catch (error) {
    throw flagError(error, `${program} [OPTIONS] COMMAND [ARG...]`, program, flags);
  }
}

function readGlobals(parsed: ParsedFlags): GlobalOptions {
  const values = parsed.values as FlagValues<GlobalFlags>; // the table that it was parsed with
  const level = values["log-level"];
  if (!isLogLevel(level)) throw new ExitError(`Unable to parse logging level: ${level}`, 1);
  return {
    configDir: values.config,
    context: values.context || undefined,
    hosts: values.host,
    isDebug: values.debug,
    tls: {
      isOn: values.tlsverify || values.tls,
      verify: values.tlsverify,
      caFile: values.tlscacert,
      certFile: values.tlscert,
      keyFile: values.tlskey,
      isNamed: {
        ca: parsed.given.has("tlscacert"),
        cert: parsed.given.has("tlscert"),
        key: parsed.given.has("tlskey"),
      },
    },
  };
}

async function runFound(
  cli: ProcessCli,
  found: FoundCommand,
  path: readonly string[],
  wantsHelp: boolean,
): Promise<number> {
  switch (found.kind) {
    case "unknown":
      throw unknownCommand(
        program,
        path.slice(0, 1),
        `Run '${program} --help' for more information`,
      );
    case "later":
      throw new ExitError(`${program}: '${program} ${found.typed}' is not in this version yet`, 1);
    case "group":
      return runGroup(cli, found.name, found.rest, wantsHelp);
    case "command": {
      const { command } = await found.entry.load();
      return runCommand(cli, command, found, wantsHelp);
    }
  }
}

async function runGroup(
  cli: ProcessCli,
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
    throw unknownCommand(
      program,
      [name, word],
      `Usage:  ${full} COMMAND\n\nRun '${full} --help' for more information`,
    );
  }
  const { groupHelp } = await import("./help.ts");
  const target = wantsHelp || parsed.wantsHelp ? cli.output : cli.errors;
  target.write(groupHelp(program, name));
  return 0;
}

async function runCommand(
  cli: ProcessCli,
  command: Command,
  found: FoundCommand & { readonly kind: "command" },
  wantsHelp: boolean,
): Promise<number> {
  const commandLine = `${program} ${found.typed}`;
  const usage = `${commandLine}${command.usage === "" ? "" : ` ${command.usage}`}`;
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
  return command.run(cli, {
    flags: parsed.values,
    args: parsed.args,
    commandLine,
    isSet: (name) => parsed.given.has(name),
  });
}

/** Docker's frame around an error of the flags; adds the nearest flag where one is near. */
function flagError(
  error: unknown,
  usage: string,
  commandLine: string,
  table: FlagTable,
): WharfError {
  const near = error instanceof UnknownFlagError ? nearestFlag(error.flagName, table) : undefined;
  const suggestion = near === undefined ? "" : `\nDid you mean --${near}?`;
  return new ExitError(
    `${messageOf(error)}${suggestion}\n\nUsage:  ${usage}\n\nRun '${commandLine} --help' for more information`,
    exitCannotStart,
    { cause: error },
  );
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

function terminalWidth(output: Output): number {
  return (output.isTerminal ? output.windowSize()?.columns : undefined) ?? 80;
}
