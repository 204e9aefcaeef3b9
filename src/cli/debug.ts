import type { ContainerInspectResponse } from "@docker/node-sdk";
import { messageOf } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { writeTar } from "#base/tar/writer.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "./cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { runAttached } from "./container/session/attached-run.ts";
import { createContainer } from "./container/creation/create-container.ts";
import { chooseDetachKeys } from "./container/session/detach-keys-flag.ts";
import { containerPath } from "./container/each-container.ts";
import { proxySignals } from "./container/session/signal-proxy.ts";
import { exitCodeOfStart } from "./container/creation/start-failure.ts";
import {
  type DebugPlan,
  type DebugWish,
  planLiveToolbox,
  planStoppedToolbox,
  TARGET_PATH,
} from "./debug/plan.ts";
import { guardContainer } from "./debug/guard.ts";
import { openRootCopy } from "./debug/root-copy.ts";
import { ensureToolbox } from "./debug/toolbox.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { stringFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
  description:
    "Run a shell or a command with tools beside a container, without changing it: in its processes' " +
    `and network's namespaces, its files at ${TARGET_PATH}. Of a container that does not run, ${TARGET_PATH} ` +
    "is a read-only copy.",
  args: atLeast(1),
  interspersed: false,
  completeArgs: ["containers", []],
  flags: {
    image: stringFlag("Image with the tools (default: one made of this machine's busybox)", {
      complete: "images",
    }),
  },
  async run(cli, { flags, args }) {
    const [name = "", ...words] = args;
    const engine = await cli.engine();
    const target = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
    const image = flags.image === "" ? await ensureToolbox(cli, engine) : flags.image;
    const hasTerminal = cli.input.isTerminal && cli.output.isTerminal;
    const wish: DebugWish = { image, command: words, hasTerminal };
    if (target.State?.Running) return await enter(cli, engine, planLiveToolbox(target, wish), wish);
    await using copy = await openRootCopy(engine, target.Id ?? name);
    if (hasTerminal) {
      cli.errors.write(`${name} does not run: ${TARGET_PATH} is a read-only copy\n`);
    }
    return await enter(cli, engine, planStoppedToolbox(target, wish, copy.image), wish);
  },
});

async function enter(
  cli: Cli,
  engine: EngineClient,
  { body, rootLink }: DebugPlan,
  { image, hasTerminal }: DebugWish,
): Promise<number> {
  const streams = { stdin: true, stdout: true, stderr: true };
  const plan = { body, image, streams, hasTerminal };
  const options = { name: "", platform: "", pull: "missing", quiet: false, cidfile: "" };
  const id = await createContainer(cli, plan, options);
  await using _guard = hasTerminal ? guardContainer(cli, id) : undefined;
  if (rootLink !== undefined) {
    try {
      await putLink(engine, id, rootLink);
    } catch (error) {
      await engine.send("DELETE", containerPath(id), { query: { force: true } });
      throw error;
    }
  }
  using _proxy = proxySignals(cli, id);
  const start = async (): Promise<void> => {
    try {
      await engine.send("POST", containerPath(id, "/start"));
    } catch (error) {
      throw new ExitError(messageOf(error), exitCodeOfStart(error), { cause: error });
    }
  };
  const choice = { ...streams, hasTerminal, detachKeys: chooseDetachKeys(cli, "") };
  return await runAttached(cli, { id, removes: true, start }, choice);
}

async function putLink(engine: EngineClient, id: string, target: string): Promise<void> {
  const name = TARGET_PATH.slice(1);
  await engine.send("PUT", containerPath(id, "/archive"), {
    query: { path: "/" },
    stream: writeTar([{ header: tarHeader({ name, type: "symlink", linkName: target }) }]),
    contentType: "application/x-tar",
  });
}
