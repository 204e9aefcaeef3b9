import { setTimeout as delay } from "node:timers/promises";
import { NotFoundError } from "#base/errors.ts";
import type { ContainerStatsSample } from "#containers/containers.ts";
import { type Exchange, beginStream, pathPart, sendJson, writePiece } from "#api/exchange.ts";
import type { ContainersBackend } from "./backend.ts";
import { statsToWire } from "./stats-wire.ts";

const INTERVAL_MS = 1000;

/**
 * `GET /containers/{id}/stats`. One document takes two samples, a second apart, so that it holds a
 * share of CPU time; `one-shot` takes one.
 */
export async function sendStats(
  exchange: Exchange,
  containers: ContainersBackend,
  intervalMs: number = INTERVAL_MS,
): Promise<void> {
  const { query, signal } = exchange;
  const id = containers.resolve(pathPart(exchange, "id"));
  const pause = (): Promise<void> => delay(intervalMs, undefined, { signal });
  let sample = await containers.stats(id);
  if (!query.booleanOr("stream", true)) {
    let previous: ContainerStatsSample | undefined;
    if (!query.boolean("one-shot") && sample.isRunning) {
      previous = sample;
      await pause();
      sample = await containers.stats(id);
    }
    return sendJson(exchange, 200, statsToWire(sample, previous));
  }
  beginStream(exchange, "application/json");
  let previous: ContainerStatsSample | undefined;
  try {
    for (;;) {
      await writePiece(exchange, `${JSON.stringify(statsToWire(sample, previous))}\n`);
      await pause();
      previous = sample;
      sample = await containers.stats(id);
    }
  } catch (error) {
    // the client left, or the container was removed: both end the stream
    if (!signal.aborted && !(error instanceof NotFoundError)) throw error;
  }
  exchange.response.end();
}
