import { messageOf } from "#base/errors.ts";
import { EngineUnreachableError } from "#client/error-response.ts";
import { exitCodeOf } from "#cli/command/exit-code.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { type FoundCommand, findCommand } from "#cli/command/find-command.ts";
import type { FlagTable, FlagValues } from "#cli/command/flags.ts";
import {
  type GlobalFlags,
  type GlobalOptions,
  globalFlags,
  isLogLevel,
} from "#cli/command/globals.ts";
import { openEngine } from "#cli/engine/open-engine.ts";
import { BrokenPipeError, type Output } from "./output/streams.ts";
import { type ParsedFlags, parseFlags } from "#cli/command/parse-flags.ts";
import { versionLine } from "./print-version.ts";
import type { Programs } from "./programs.ts";
import { type CallSettings, ProcessCli, standardStreams } from "./process-cli.ts";
import {
  flagError,
  parseGroupFlags,
  program,
  runFound,
  terminalWidth,
} from "#cli/command/run-command.ts";

/**
 * Runs one command line.
 *
 * @param programs What else than a client of the engine it may become.
 * @returns The exit code; failures are printed.
 */
export async function runCli(
  words: readonly string[],
  programs: Programs,
  call?: Omit<CallSettings, "programs">,
): Promise<number> {
  const settings = { ...(call ?? { env: process.env, streams: standardStreams() }), programs };
  try {
    return await dispatch(words, settings);
  } catch (error) {
    return await report(error, settings.streams.errors);
  }
}

async function report(error: unknown, errors: Output): Promise<number> {
  const code = exitCodeOf(error);
  if (error instanceof BrokenPipeError) return code;
  const text = messageOf(error);
  try {
    if (text !== "") errors.write(`${text}${await hintFor(error)}\n`);
  } catch {
    return code; // stderr is closed: nobody is left to tell
  }
  return code;
}

/** With `--debug`: where the error and its causes come from. */
function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\nCaused by: ${traceOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

/** What to do next, where the words that docker has leave it open. */
async function hintFor(error: unknown): Promise<string> {
  if (error instanceof ExitError) return hintFor(error.cause);
  if (!(error instanceof EngineUnreachableError)) return "";
  switch (error.reason) {
    case "missing":
    case "refused":
      return "\nStart an engine with 'wharf daemon', or name a running one: -H ADDRESS, DOCKER_HOST, or 'wharf context use'";
    case "denied": {
      const { socketAccessHint } = await import("#cli/engine/socket-access.ts");
      return `\n${socketAccessHint(error.endpoint)}`;
    }
    case "tls":
    case "other":
      return "";
  }
}

async function dispatch(words: readonly string[], call: CallSettings): Promise<number> {
  const flags = globalFlags(call.env);
  if (words[0] === "__complete") return complete(call, flags, words.slice(1));
  const parsed = parseGlobals(flags, words);
  const cli = new ProcessCli(call, readGlobals(parsed));
  for (const notice of parsed.notices) cli.errors.write(`${notice}\n`);
  if (parsed.values["version"] === true) {
    cli.output.write(versionLine);
    return 0;
  }
  const wantsHelp = parsed.wantsHelp || parsed.args[0] === "help";
  const path = parsed.args[0] === "help" ? parsed.args.slice(1) : parsed.args;
  if (path.length === 0) {
    const { topLevelHelp } = await import("#cli/command/help.ts");
    const target = wantsHelp ? cli.output : cli.errors;
    target.write(topLevelHelp(program, flags, terminalWidth(target)));
    return 0;
  }
  try {
    const group = await parseGroupFlags(program, path);
    const words = group?.words ?? path;
    const found = await findCommand(words);
    if (isToStartProcess(found) && !wantsHelp) cli.connectEarly();
    return await runFound(cli, found, words, { wantsHelp, groupFlags: group?.parsed });
  } catch (error) {
    if (cli.globals.isDebug) cli.errors.write(`${traceOf(error)}\n`);
    const code = cli.interruptedCode;
    throw code === undefined ? error : new ExitError("", code, { cause: error });
  } finally {
    cli.close();
  }
}

/** Not where help is asked for, which needs no engine: a connection would start one that a socket stands for. */
function isToStartProcess(found: FoundCommand): boolean {
  return (
    found.kind === "command" && found.entry.startsProcess === true && !found.rest.includes("--help")
  );
}

/** Completes a line: its flags are not those of this call, but say which engine has the names. */
async function complete(
  call: CallSettings,
  flags: GlobalFlags,
  words: readonly string[],
): Promise<number> {
  let parsed: ParsedFlags;
  try {
    parsed = parseFlags(flags, words.slice(0, -1), false);
  } catch {
    parsed = parseFlags(flags, [], false); // an unfinished line
  }
  const cli = new ProcessCli(call, readGlobals(parsed));
  const { runCompletion } = await import("#cli/completion/run-completion.ts");
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
    isDebug: values.debug || ["debug", "trace"].includes(level.toLowerCase()),
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
