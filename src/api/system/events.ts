import { InvalidArgumentError } from "#base/errors.ts";
import type { EngineEvent } from "#events/events.ts";
import { parseFilters } from "#spec/engine-api/filters.ts";
import { parseTimestamp } from "#spec/engine-api/timestamps.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import { type Exchange, beginStream, writePiece } from "#api/exchange.ts";
import type { SystemBackend } from "./backend.ts";

/** One line of the stream. API 1.52 took `status`, `id` and `from` away. */
export function eventToJson(event: EngineEvent, version: ApiVersion): string {
  const { type, action, actorId, attributes } = event;
  const hasLegacy = !isAtLeast(version, "1.52") && (type === "container" || type === "image");
  const legacy = {
    status: action,
    id: actorId,
    ...(type === "container" ? { from: attributes["image"] ?? "" } : {}),
  };
  const text = JSON.stringify({
    ...(hasLegacy ? legacy : {}),
    Type: type,
    Action: action,
    Actor: { ID: actorId, Attributes: attributes },
    scope: event.scope,
    time: Number(event.timeNanos / 1_000_000_000n),
  });
  // More digits than a double holds: written into the text.
  return `${text.slice(0, -1)},"timeNano":${event.timeNanos}}`;
}

/** API 1.46 brought the event of a new image. */
function isKnownTo({ type, action }: EngineEvent, version: ApiVersion): boolean {
  return type !== "image" || action !== "create" || isAtLeast(version, "1.46");
}

interface EventWindow {
  readonly sinceNanos: bigint | undefined;
  readonly untilNanos: bigint | undefined;
}

function readTime(
  exchange: Exchange,
  name: "since" | "until",
  nowNanos: bigint,
): bigint | undefined {
  const text = exchange.query.text(name);
  if (text === "") return undefined;
  try {
    return parseTimestamp(text, nowNanos);
  } catch (cause) {
    throw new InvalidArgumentError(`invalid value for '${name}': ${text}`, { cause });
  }
}

function readWindow(exchange: Exchange, nowNanos: bigint): EventWindow {
  const sinceNanos = readTime(exchange, "since", nowNanos);
  const untilNanos = readTime(exchange, "until", nowNanos);
  if (sinceNanos !== undefined && untilNanos !== undefined && untilNanos < sinceNanos) {
    const { query } = exchange;
    throw new InvalidArgumentError(
      `\`since\` time (${query.text("since")}) cannot be after \`until\` time (${query.text("until")})`,
    );
  }
  return { sinceNanos, untilNanos };
}

/** Replays what is kept of the window, then follows until `until` or the client's end. */
async function* eventsIn(
  backend: SystemBackend,
  window: EventWindow,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const following = backend.events.subscribe(signal); // before the replay, so that none falls between
  let lastNanos = 0n;
  if (window.sinceNanos !== undefined || window.untilNanos !== undefined) {
    for (const event of backend.events.recent()) {
      lastNanos = event.timeNanos;
      if (event.timeNanos < (window.sinceNanos ?? 0n)) continue;
      if (window.untilNanos !== undefined && event.timeNanos > window.untilNanos) return;
      yield event;
    }
  }
  if (window.untilNanos !== undefined && window.untilNanos <= backend.nowNanos()) return;
  for await (const event of following) {
    if (window.untilNanos !== undefined && event.timeNanos > window.untilNanos) return;
    if (event.timeNanos > lastNanos) yield event;
  }
}

/** Media type of the stream; since API 1.52 it says that it is lines. */
function streamType(exchange: Exchange): string {
  const accepted = exchange.request.fields.get("accept") ?? "";
  for (const type of ["application/json-seq", "application/x-ndjson", "application/jsonl"]) {
    if (accepted.includes(type)) return type;
  }
  return isAtLeast(exchange.version, "1.52") ? "application/jsonl" : "application/json";
}

/** `GET /events` */
export async function sendEvents(exchange: Exchange, backend: SystemBackend): Promise<void> {
  const filters = parseFilters(exchange.query.get("filters"), backend.eventFilters);
  const nowNanos = backend.nowNanos();
  const window = readWindow(exchange, nowNanos);
  const type = streamType(exchange);
  const prefix = type === "application/json-seq" ? "\x1e" : "";
  const ended = new AbortController();
  const signals = [exchange.signal, ended.signal];
  if (window.untilNanos !== undefined && window.untilNanos > nowNanos) {
    const leftMs = Number((window.untilNanos - nowNanos) / 1_000_000n) + 1;
    signals.push(AbortSignal.timeout(Math.min(leftMs, 2 ** 31 - 1)));
  }
  beginStream(exchange, type);
  try {
    for await (const event of eventsIn(backend, window, AbortSignal.any(signals))) {
      if (!backend.matchesEvent(filters, event)) continue;
      if (!isKnownTo(event, exchange.version)) continue;
      await writePiece(exchange, `${prefix}${eventToJson(event, exchange.version)}\n`);
    }
  } catch (error) {
    if (!AbortSignal.any(signals).aborted) throw error;
  } finally {
    ended.abort();
  }
  exchange.response.end();
}
