import { CancelledError, UnavailableError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type StreamChoice, joinStreams } from "./session/attached-streams.ts";
import { clientSurroundings } from "./creation/client-surroundings.ts";
import {
  envFileFlag,
  envFlag,
  readVariableFiles,
  resolveVariables,
} from "./create-request/environment.ts";
import { chooseDetachKeys, detachKeysFlag } from "./session/detach-keys-flag.ts";
import { containerPath } from "./each-container.ts";
import { checkInputTerminal } from "./session/input-terminal.ts";
import { followTerminalSize } from "./session/terminal-size.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  args: atLeast(2),
  interspersed: false,
  completeArgs: ["running-containers", []],
  flags: {
    detach: boolFlag("Detached mode: run command in the background", { short: "d" }),
    "detach-keys": detachKeysFlag,
    env: envFlag(),
    "env-file": envFileFlag(),
    interactive: boolFlag("Keep STDIN open even if not attached", { short: "i" }),
    privileged: boolFlag("Give extended privileges to the command"),
    tty: boolFlag("Allocate a pseudo-TTY", { short: "t" }),
    user: stringFlag('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
    workdir: stringFlag("Working directory inside the container", { short: "w" }),
  },
  async run(cli, { flags, args, isSet }) {
    const [name = "", ...words] = args;
    const around = clientSurroundings(cli, isSet);
    const variables = [
      ...readVariableFiles(flags["env-file"], around),
      ...resolveVariables(flags.env, around),
    ];
    const { detach, tty } = flags;
    const choice: StreamChoice = {
      stdin: !detach && flags.interactive,
      stdout: !detach,
      stderr: !detach,
      hasTerminal: tty,
      detachKeys: chooseDetachKeys(cli, flags["detach-keys"]),
    };
    if (!detach) checkInputTerminal(cli, choice.stdin, tty);
    const size = cli.output.isTerminal ? cli.output.windowSize() : undefined;
    const consoleSize = tty && size ? { ConsoleSize: [size.rows, size.columns] } : {};
    const engine = await cli.engine();
    if (!detach) engine.connectAhead(1); // to ask for the exit code: the streams take the first one
    const { Id: id } = await engine.postJson<{ readonly Id: string }>(
      containerPath(name, "/exec"),
      {
        json: {
          User: flags.user,
          Privileged: flags.privileged,
          Tty: tty,
          ...consoleSize,
          AttachStdin: choice.stdin,
          AttachStdout: choice.stdout,
          AttachStderr: choice.stderr,
          DetachKeys: choice.detachKeys,
          ...(variables.length > 0 ? { Env: variables } : {}),
          WorkingDir: flags.workdir,
          Cmd: words,
        },
      },
    );
    const start = { Detach: detach, Tty: tty, ...consoleSize };
    if (!detach) return runAttachedExec(cli, engine, id, choice, start);
    await engine.send("POST", `/exec/${id}/start`, { json: start });
    return 0;
  },
});

async function runAttachedExec(
  cli: Cli,
  engine: EngineClient,
  id: string,
  choice: StreamChoice,
  start: object,
): Promise<number> {
  using stream = await engine.hijack(`/exec/${id}/start`, { json: start });
  using _size = choice.hasTerminal
    ? followTerminalSize(cli, engine, `/exec/${id}/resize`)
    : undefined;
  const end = await joinStreams(cli, stream, choice);
  if (end === "detached") throw new CancelledError("read escape sequence");
  return exitCodeOf(engine, id);
}

async function exitCodeOf(engine: EngineClient, id: string): Promise<number> {
  const { ExitCode } = await engine.getJson<{ readonly ExitCode: number | null }>(
    `/exec/${id}/json`,
  );
  if (ExitCode !== null) return ExitCode;
  throw new UnavailableError(`Cannot tell the exit code of exec ${id}: it is still running`);
}
