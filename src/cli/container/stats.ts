import type { ContainerSummary, EventMessage } from "@docker/node-sdk";
import { messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import type { Output } from "#cli/output/streams.ts";
import { shortId } from "#cli/output/texts.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { parseJsonStream } from "#client/json-stream.ts";
import { statsListFormat } from "./stats/format.ts";
import { UsageWatch } from "./stats/watch.ts";

/** How often the numbers are drawn, at most. */
const drawMs = 500;

export const command: Command = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  args: atLeast(0),
  completeArgs: ["running-containers"],
  flags: {
    all: boolFlag("Show all containers (default shows just running)", { short: "a" }),
    format: stringFlag(listFormatHelp),
    "no-stream": boolFlag("Disable streaming stats and only pull the first result"),
    "no-trunc": boolFlag("Do not truncate output"),
  },
  async run(cli, { flags, args }) {
    const list = statsListFormat(!flags["no-trunc"]);
    const format = chooseFormat(cli, list, flags);
    const engine = await cli.engine();
    const isLive = !flags["no-stream"];
    const nowMs = (): number => cli.now().getTime();
    await using watch = new UsageWatch({ engine, nowMs, isLive });
    const draw = (output: Output): void => writeList({ output }, list, watch.rows(), format);
    if (args.length > 0) {
      await addNamed(watch, args);
      if (!isLive) draw(cli.output);
      else await drawUntil(cli, watch, draw, watch.allEnded());
      throwFailures(watch);
      return 0;
    }
    if (!isLive) {
      await addListed(engine, watch, flags.all);
      draw(cli.output);
      return 0;
    }
    // Subscribed before the list is read, so that no container is missed between the two.
    await using events = await followEvents(engine, watch, flags.all);
    await addListed(engine, watch, flags.all);
    await drawUntil(cli, watch, draw, events.ended);
    return 0;
  },
});

async function addNamed(watch: UsageWatch, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => watch.add(name)));
  throwFailures(watch);
}

/** @throws {ExitError} When a container cannot be followed: it does not exist, or the engine went. */
function throwFailures(watch: UsageWatch): void {
  const failures = watch.failures().map(messageOf);
  if (failures.length > 0) throw new ExitError(failures.join("\n"), 1);
}

async function addListed(engine: EngineClient, watch: UsageWatch, all: boolean): Promise<void> {
  const containers = await engine.getJson<ContainerSummary[]>("/containers/json", {
    query: { all: all || undefined },
  });
  await Promise.all(containers.map(({ Id = "" }) => watch.add(shortId(Id))));
}

/** Adds and removes containers as the engine reports them, until disposed. */
async function followEvents(
  engine: EngineClient,
  watch: UsageWatch,
  all: boolean,
): Promise<AsyncDisposable & { readonly ended: Promise<void> }> {
  const stop = new AbortController();
  const answer = await engine.request("GET", "/events", {
    query: { filters: { type: ["container"] } },
    signal: stop.signal,
  });
  const ended = (async () => {
    try {
      for await (const event of parseJsonStream<EventMessage>(answer.body())) {
        followEvent(watch, event, all);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  })();
  ended.catch(() => undefined); // whoever draws or disposes awaits it, perhaps later than it fails
  return {
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

function followEvent(watch: UsageWatch, { Action, Actor }: EventMessage, all: boolean): void {
  const id = shortId(Actor?.ID ?? "");
  // A container is added with the first look at its numbers, which nobody waits for here.
  if (Action === "start" || (Action === "create" && all)) void watch.add(id);
  if (Action === "destroy" || (Action === "die" && !all)) watch.remove(id);
}

/** A screen that is drawn over itself on a terminal; elsewhere a block whenever something changes. */
async function drawUntil(
  cli: Cli,
  watch: UsageWatch,
  draw: (output: Output) => void,
  ended: Promise<void>,
): Promise<void> {
  let drawn = -1;
  for (let isOver = false; !isOver; ) {
    if (cli.output.isTerminal) redraw(cli.output, draw);
    else if (drawn !== watch.changes) draw(cli.output);
    drawn = watch.changes;
    isOver = await Promise.race([ended.then(() => true), afterDrawTime()]);
  }
}

function afterDrawTime(): Promise<boolean> {
  return new Promise((resolve) => setTimeout(() => resolve(false), drawMs));
}

/** Each line erases what stood to its right, the last all below; lines that do not fit are left out. */
function redraw(screen: Output, draw: (output: Output) => void): void {
  let text = "";
  draw({
    write: (data) => {
      text += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
    pump: () => Promise.resolve(),
    isTerminal: true,
    windowSize: () => screen.windowSize(),
  });
  const rows = screen.windowSize()?.rows ?? Number.POSITIVE_INFINITY;
  const lines = text
    .split("\n")
    .slice(0, -1)
    .slice(0, rows - 1);
  screen.write(`\x1b[H${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
}
