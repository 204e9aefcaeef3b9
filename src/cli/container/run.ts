import type { ContainerWaitResponse } from "@docker/node-sdk";
import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command.ts";
import { ExitError, exitCannotStart } from "#cli/exit-error.ts";
import { boolFlag, stringFlag } from "#cli/flags.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type ContainerStream, type StreamChoice, joinStreams } from "./attached-streams.ts";
import { createContainer } from "./create-container.ts";
import { createFlags } from "./create-flags.ts";
import { planFromCommandLine, withHelpPointer } from "./create-plan.ts";
import { containerPath } from "./each-container.ts";
import { proxySignals } from "./signal-proxy.ts";
import { checkInputTerminal } from "./input-terminal.ts";
import { exitCodeOfStart } from "./start-failure.ts";
import { followTerminalSize } from "./terminal-size.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  completeArgs: ["images", []],
  flags: {
    ...createFlags("running"),
    detach: boolFlag("Run container in background and print container ID", { short: "d" }),
    "detach-keys": stringFlag("Override the key sequence for detaching a container"),
    "sig-proxy": boolFlag("Proxy received signals to the process", { default: true }),
  },
  async run(cli, invocation) {
    const { flags, commandLine } = invocation;
    const plan = await planFromCommandLine(cli, invocation, flags.detach);
    if (flags.detach && flags.attach.length > 0) {
      throw new InvalidArgumentError(
        "conflicting options: cannot specify both --attach and --detach",
      );
    }
    const streams = plan.streams;
    if (!flags.detach) checkInputTerminal(cli, streams.stdin, plan.hasTerminal);
    let id: string;
    try {
      id = await createContainer(cli, plan, flags);
    } catch (error) {
      throw withHelpPointer(commandLine, error, exitCannotStart);
    }
    using _proxy = flags["sig-proxy"] ? proxySignals(cli, id) : undefined;
    const hasOutput = streams.stdout || streams.stderr;
    if (!hasOutput) cli.output.write(`${id}\n`);
    const detachKeys = flags["detach-keys"] || (cli.config.detachKeys ?? "");
    const run = { id, removes: flags.rm, commandLine };
    return hasOutput || streams.stdin
      ? runAttached(cli, run, { ...streams, hasTerminal: plan.hasTerminal, detachKeys })
      : runDetached(cli, run);
  },
});

interface CreatedContainer {
  readonly id: string;
  /** The engine removes it when it ends. */
  readonly removes: boolean;
  readonly commandLine: string;
}

async function runDetached(cli: Cli, { id, commandLine }: CreatedContainer): Promise<number> {
  const engine = await cli.engine();
  try {
    await engine.send("POST", containerPath(id, "/start"));
  } catch (error) {
    throw withHelpPointer(commandLine, error, exitCodeOfStart(error));
  }
  return 0;
}

/** Attached and waited for before the start, so that nothing of a short life is missed. */
async function runAttached(
  cli: Cli,
  container: CreatedContainer,
  choice: StreamChoice,
): Promise<number> {
  const { id, removes, commandLine } = container;
  const engine = await cli.engine();
  const [stream, wait] = await Promise.all([
    attach(engine, id, choice),
    waitForEnd(engine, id, removes),
  ]);
  using _stream = stream;
  try {
    await engine.send("POST", containerPath(id, "/start"));
  } catch (error) {
    if (removes) await wait();
    throw withHelpPointer(commandLine, error, exitCodeOfStart(error));
  }
  using _size = choice.hasTerminal
    ? followTerminalSize(cli, engine, containerPath(id, "/resize"))
    : undefined;
  const end = await joinStreams(cli, stream, choice);
  if (end !== "ended") return 0;
  return wait();
}

function attach(engine: EngineClient, id: string, choice: StreamChoice): Promise<ContainerStream> {
  const { stdin, stdout, stderr, detachKeys } = choice;
  return engine.hijack(containerPath(id, "/attach"), {
    query: {
      stream: true,
      stdin: stdin || undefined,
      stdout: stdout || undefined,
      stderr: stderr || undefined,
      detachKeys: detachKeys === "" ? undefined : detachKeys,
    },
  });
}

/** @returns Once the engine waits: a function that gives the exit code. */
async function waitForEnd(
  engine: EngineClient,
  id: string,
  removes: boolean,
): Promise<() => Promise<number>> {
  const query = { condition: removes ? "removed" : "next-exit" };
  const response = await engine.request("POST", containerPath(id, "/wait"), { query });
  return async () => {
    const ended = await response.json<ContainerWaitResponse>();
    if (!ended.Error?.Message) return ended.StatusCode;
    throw new ExitError(ended.Error.Message, exitCannotStart);
  };
}
