import type { Upstream } from "#networks/dns/upstreams.ts";
import { MessageFrames, frameMessage } from "#networks/dns/wire/frames.ts";
import { judgeAnswer } from "#networks/dns/wire/judge.ts";
import { type ExchangeParts, type ExchangeRequest, withId } from "./exchange.ts";

/** How long one server may take to accept and to answer. */
const PATIENCE_MS = 4000;

/**
 * Asks servers by TCP, one after the other, until one answers: for clients that came by TCP because the answer is long.
 *
 * @returns The answer under the client's id; undefined when none gave one in time.
 */
export async function exchangeByTcp(
  parts: ExchangeParts,
  request: ExchangeRequest,
): Promise<Buffer | undefined> {
  for (const upstream of request.upstreams) {
    if (request.signal.aborted) return undefined;
    const outcome = await askOne(parts, request, upstream);
    if (outcome === "silent") {
      request.onSilent(upstream);
    } else if (outcome !== "declined") {
      request.onAnswered(upstream);
      return outcome;
    }
  }
  return undefined;
}

async function askOne(
  parts: ExchangeParts,
  { query, placeOf, signal }: ExchangeRequest,
  upstream: Upstream,
): Promise<Buffer | "silent" | "declined"> {
  const id = parts.newId();
  const frames = new MessageFrames();
  const { promise: outcome, resolve } = Promise.withResolvers<Buffer | "silent" | "declined">();
  const tooLate = new AbortController();
  const either = AbortSignal.any([signal, tooLate.signal]);
  either.addEventListener("abort", () => resolve("silent"), { once: true });
  const stop = new AbortController();
  void parts.clock.delay(PATIENCE_MS, stop.signal).then(
    () => tooLate.abort(),
    () => undefined, // answered before
  );
  try {
    using stream = await parts.internet.connectTcp(
      placeOf(upstream),
      {
        onData: (bytes) => {
          for (const message of frames.push(bytes) ?? []) {
            const verdict = judgeAnswer(query, id, message);
            if (verdict === "answer") resolve(withId(message, query.message.readUInt16BE(0)));
            else resolve("declined"); // on a connection nobody else can answer
          }
        },
        onEnd: () => resolve("silent"),
      },
      either,
    );
    await stream.write(frameMessage(withId(query.message, id)));
    return await outcome;
  } catch {
    return "silent"; // refused, no route
  } finally {
    stop.abort();
  }
}
