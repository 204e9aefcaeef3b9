import type { ContainerInspectResponse } from "@docker/node-sdk";
import { CancelledError, FailedPreconditionError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { openAttachStream, waitForExit } from "./session/attached-run.ts";
import { joinStreams } from "./session/attached-streams.ts";
import { chooseDetachKeys, detachKeysFlag } from "./session/detach-keys-flag.ts";
import { containerPath } from "./each-container.ts";
import { checkInputTerminal } from "./session/input-terminal.ts";
import { proxySignals } from "./session/signal-proxy.ts";
import { followTerminalSize } from "./session/terminal-size.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  completeArgs: ["running-containers"],
  flags: {
    "detach-keys": detachKeysFlag,
    "no-stdin": boolFlag("Do not attach STDIN"),
    "sig-proxy": boolFlag("Proxy all received signals to the process", { default: true }),
  },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    const engine = await cli.engine();
    const { Id: id = name, Config: config } = await inspectRunning(engine, name);
    const hasTerminal = config?.Tty ?? false;
    checkInputTerminal(cli, !flags["no-stdin"], hasTerminal);
    using _proxy = flags["sig-proxy"] && !hasTerminal ? proxySignals(cli, id) : undefined;
    const choice = {
      stdin: !flags["no-stdin"] && (config?.OpenStdin ?? false),
      stdout: true,
      stderr: true,
      hasTerminal,
      detachKeys: chooseDetachKeys(cli, flags["detach-keys"]),
    };
    const [stream, exitCode] = await Promise.all([
      openAttachStream(engine, id, choice),
      waitForExit(engine, id, "not-running"),
    ]);
    using _stream = stream;
    // Had it ended since the first look, the stream would wait for its next start.
    await inspectRunning(engine, id);
    if (hasTerminal) await redrawTerminal(cli, engine, id);
    using _size = hasTerminal
      ? followTerminalSize(cli, engine, containerPath(id, "/resize"))
      : undefined;
    const end = await joinStreams(cli, stream, choice);
    if (end === "detached") throw new CancelledError("read escape sequence");
    return await exitCode();
  },
});

/** @throws {FailedPreconditionError} In docker's words, for a container that cannot be attached to. */
async function inspectRunning(
  engine: EngineClient,
  name: string,
): Promise<ContainerInspectResponse> {
  const container = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
  const refuse = (state: string, remedy: string): FailedPreconditionError =>
    new FailedPreconditionError(`You cannot attach to a ${state} container, ${remedy}`);
  if (!container.State?.Running) throw refuse("stopped", "start it first");
  if (container.State.Paused) throw refuse("paused", "unpause it first");
  if (container.State.Restarting) throw refuse("restarting", "wait until it is running");
  return container;
}

/** A program draws anew when its terminal changes size, so the size first becomes another one. */
async function redrawTerminal(cli: Cli, engine: EngineClient, id: string): Promise<void> {
  const size = cli.output.isTerminal ? cli.output.windowSize() : undefined;
  if (!size) return;
  const query = { h: size.rows + 1, w: size.columns + 1 };
  await engine.send("POST", containerPath(id, "/resize"), { query });
}
