import type { EventMessage } from "@docker/node-sdk";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { apiTimestamp, localRfc3339Nano } from "#cli/output/texts.ts";
import { readJsonLines } from "#client/json-stream.ts";
import { LABEL } from "#compose/labels.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
const OWN_LABEL = "com.docker.compose.";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    json: boolFlag("Output events as a stream of json objects"),
    since: stringFlag("Show all events created since timestamp"),
    until: stringFlag("Stream events until this timestamp"),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { projectName } = await nameAndProject(cli, groupFlags);
    const engine = await cli.engine();
    const signal = cli.interruption();
    const answer = await engine.request("GET", "/events", {
      query: {
        filters: { label: [`${LABEL.project}=${projectName}`], type: ["container"] },
        since: timeOf(cli, flags.since),
        until: timeOf(cli, flags.until),
      },
      signal,
    });
    try {
      for await (const line of readJsonLines(answer.body())) {
        const event = parseEvent(line);
        if (!event || (args.length > 0 && !args.includes(event.service))) continue;
        cli.output.write(`${flags.json ? eventJson(event) : eventText(event)}\n`);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return 0;
  },
});

function timeOf(cli: Cli, text: string): string | undefined {
  return text === "" ? undefined : apiTimestamp(text, cli.now());
}

interface ProjectEvent {
  readonly action: string;
  readonly id: string;
  readonly service: string;
  /** Since 1970. */
  readonly nanoseconds: bigint;
  /** Without those that tell whose the container is, by name. */
  readonly attributes: readonly (readonly [string, string])[];
}

/** @returns Undefined for a container of `run`. */
function parseEvent(line: string): ProjectEvent | undefined {
  const { Action = "", Actor, time = 0 } = JSON.parse(line) as EventMessage; // the engine's schema
  const attributes = Actor?.Attributes ?? {};
  if (attributes[LABEL.oneOff] === "True") return undefined;
  // beyond what a number of JavaScript's holds
  const digits = /"timeNano":(\d+)/.exec(line)?.[1];
  return {
    action: Action,
    id: Actor?.ID ?? "",
    service: attributes[LABEL.service] ?? "",
    nanoseconds: digits === undefined ? BigInt(time) * NANOS_PER_SECOND : BigInt(digits),
    attributes: Object.entries(attributes)
      .filter(([name]) => !name.startsWith(OWN_LABEL))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  };
}

/** A blank line is left behind each, as docker compose leaves it. */
function eventText({ action, id, nanoseconds, attributes }: ProjectEvent): string {
  const [day = "", clock = ""] = timeText(nanoseconds).split("T");
  const micros = clock.slice(0, "00:00:00.000000".length);
  const shown = attributes.map(([name, value]) => `${name}=${value}`).join(", ");
  return `${day} ${micros} container ${action} ${id} (${shown})\n`;
}

function eventJson({ action, id, service, nanoseconds, attributes }: ProjectEvent): string {
  return JSON.stringify({
    action,
    attributes: Object.fromEntries(attributes),
    id,
    service,
    time: timeText(nanoseconds),
    type: "container",
  });
}

function timeText(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds / NANOS_PER_SECOND);
  return localRfc3339Nano(seconds, Number(nanoseconds % NANOS_PER_SECOND));
}
