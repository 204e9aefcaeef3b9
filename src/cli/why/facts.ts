import type { ContainerInspectResponse, EventMessage, ImageInspect } from "@docker/node-sdk";
import { messageOf, NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { readJsonLines } from "#client/json-stream.ts";
import { demultiplex } from "#client/stdcopy.ts";
import { containerPath } from "#cli/container/each-container.ts";

/** What the engine remembers to have happened to a container. */
export interface WhyEvent {
  readonly action: string;
  readonly timeMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** All that an explanation is made of. */
export interface WhyFacts {
  readonly container: ContainerInspectResponse;
  /** Oldest first; only since the engine's start. */
  readonly events: readonly WhyEvent[];
  /** The last lines it wrote; undefined where its log driver keeps none. */
  readonly lastLines: readonly string[] | undefined;
  /** What the name it was made from means now; undefined when it means nothing any more. */
  readonly imageNow: { readonly id: string } | undefined;
  readonly nowMs: number;
}

const LAST_LINES = 5;

/** Asks the engine for everything that may explain a container's state. */
export async function fetchWhyFacts(
  engine: EngineClient,
  name: string,
  now: Date,
): Promise<WhyFacts> {
  const container = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
  const id = container.Id ?? name;
  const [events, lastLines, imageNow] = await Promise.all([
    fetchEvents(engine, id, now),
    fetchLastLines(engine, id, container.Config?.Tty ?? false),
    fetchImage(engine, container.Config?.Image ?? ""),
  ]);
  return { container, events, lastLines, imageNow, nowMs: now.getTime() };
}

async function fetchEvents(
  engine: EngineClient,
  id: string,
  now: Date,
): Promise<readonly WhyEvent[]> {
  const answer = await engine.request("GET", "/events", {
    query: {
      since: "0",
      until: String(Math.ceil(now.getTime() / 1000)),
      filters: JSON.stringify({ container: { [id]: true } }),
    },
  });
  const events: WhyEvent[] = [];
  for await (const line of readJsonLines(answer.body())) {
    const event = JSON.parse(line) as EventMessage; // the engine's schema
    const timeMs = (event.timeNano ?? 0) / 1e6;
    events.push({ action: event.Action ?? "", timeMs, attributes: event.Actor?.Attributes ?? {} });
  }
  return events;
}

async function fetchLastLines(
  engine: EngineClient,
  id: string,
  hasTerminal: boolean,
): Promise<readonly string[] | undefined> {
  const query = { stdout: true, stderr: true, tail: String(LAST_LINES) };
  let text = "";
  try {
    const answer = await engine.request("GET", containerPath(id, "/logs"), { query });
    const decoder = new TextDecoder();
    if (hasTerminal) {
      for await (const bytes of answer.body()) text += decoder.decode(bytes, { stream: true });
    } else {
      for await (const { payload } of demultiplex(answer.body())) {
        text += decoder.decode(payload, { stream: true });
      }
    }
  } catch (error) {
    if (/does not support reading/.test(messageOf(error))) return undefined;
    throw error;
  }
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

async function fetchImage(
  engine: EngineClient,
  name: string,
): Promise<{ readonly id: string } | undefined> {
  if (name === "") return undefined;
  try {
    const image = await engine.getJson<ImageInspect>(`/images/${name}/json`);
    return { id: image.Id ?? "" };
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
