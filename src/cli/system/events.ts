import type { EventMessage } from "@docker/node-sdk";
import { TemplateStruct } from "#base/go-template/values.ts";
import { messageOf } from "#base/errors.ts";
import { readJsonLines } from "#client/json-stream.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { ExitError, exitBadTemplate } from "#cli/command/exit-error.ts";
import { filterFlag, stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { type Render, compileObjectTemplate } from "#cli/output/template.ts";
import { apiTimestamp, localRfc3339Nano } from "#cli/output/texts.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    filter: filterFlag("Filter output based on conditions provided", { short: "f" }),
    format: stringFlag(inspectFormatHelp),
    since: stringFlag("Show all events created since timestamp"),
    until: stringFlag("Stream events until this timestamp"),
  },
  async run(cli, { flags }) {
    const show = eventFormatter(flags.format);
    const engine = await cli.engine();
    const answer = await engine.request("GET", "/events", {
      query: {
        since: flags.since === "" ? undefined : apiTimestamp(flags.since, cli.now()),
        until: flags.until === "" ? undefined : apiTimestamp(flags.until, cli.now()),
        filters: flags.filter,
      },
    });
    for await (const line of readJsonLines(answer.body())) cli.output.write(`${show(line)}\n`);
    return 0;
  },
});

/** An event, with its time in nanoseconds, which is beyond what a JavaScript number holds. */
interface TimedEvent extends EventMessage {
  readonly nanoseconds: bigint;
  /** What engines before 29 send besides, for some kinds. */
  readonly id?: string;
  readonly status?: string;
  readonly from?: string;
}

function parseEvent(line: string): TimedEvent {
  const event = JSON.parse(line) as EventMessage; // the engine's schema
  const digits = /"timeNano":(\d+)/.exec(line)?.[1];
  return { ...event, nanoseconds: BigInt(digits ?? (event.time ?? 0) * 1e9) };
}

/** @throws {ExitError} With exit code 64 when the template does not parse. */
function eventFormatter(format: string): (line: string) => string {
  if (format === "") return (line) => eventText(parseEvent(line));
  if (format === "json" || format === "{{json .}}") return (line) => eventJson(parseEvent(line));
  const render = compileObjectTemplate(format);
  return (line) => eventTemplate(render, parseEvent(line));
}

/** `TIME TYPE ACTION ID (key=value, …)`. */
function eventText(event: TimedEvent): string {
  const { Type, Action, Actor, nanoseconds } = event;
  const second = 1_000_000_000n;
  const time = localRfc3339Nano(Number(nanoseconds / second), Number(nanoseconds % second));
  const attributes = Object.entries(Actor?.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const suffix = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${time} ${Type ?? ""} ${Action ?? ""} ${Actor?.ID ?? ""}${suffix}`;
}

function eventJson(event: TimedEvent): string {
  const { Type, Action, Actor, scope, time, nanoseconds } = event;
  const actor = { ID: Actor?.ID ?? "", Attributes: Actor?.Attributes ?? {} };
  const text = JSON.stringify({ Type, Action, Actor: actor, scope, time });
  return `${text.slice(0, -1)},"timeNano":${nanoseconds}}`;
}

function eventTemplate(render: Render, event: TimedEvent): string {
  const { Type, Action, Actor, scope, time, nanoseconds } = event;
  // A map of Go's: an attribute that an event lacks is no error.
  const attributes = new Map(Object.entries(Actor?.Attributes ?? {}));
  const actor = { ID: Actor?.ID ?? "", Attributes: attributes };
  const fields = { Type, Action, Actor: actor, Scope: scope, Time: time, TimeNano: nanoseconds };
  const old = { ID: event.id ?? "", Status: event.status ?? "", From: event.from ?? "" };
  try {
    return render(new TemplateStruct("*events.Message", { ...fields, ...old }));
  } catch (error) {
    throw new ExitError(`Error parsing format: ${messageOf(error)}`, exitBadTemplate, {
      cause: error,
    });
  }
}
