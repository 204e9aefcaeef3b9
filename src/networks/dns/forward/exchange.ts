import type { Clock } from "#host/clock.ts";
import type { InternetSockets, SocketPlace } from "#host/internet-sockets.ts";
import type { Upstream } from "#networks/dns/upstreams.ts";
import type { Query } from "#networks/dns/wire/query.ts";

export type OutgoingSockets = Pick<InternetSockets, "connectUdp" | "connectTcp">;

export interface ExchangeParts {
  readonly internet: OutgoingSockets;
  readonly clock: Clock;
  /** 16 bits that nobody can guess. */
  readonly newId: () => number;
}

export interface ExchangeRequest {
  readonly query: Query;
  /** In the order to be asked. */
  readonly upstreams: readonly Upstream[];
  readonly placeOf: (upstream: Upstream) => SocketPlace;
  /** It is silent, or cannot be reached. */
  readonly onSilent: (upstream: Upstream) => void;
  readonly onAnswered: (upstream: Upstream) => void;
  /** An abort ends the exchange at once, without an answer. */
  readonly signal: AbortSignal;
}

/** A copy of a message under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** Resolves to `word` when the time has passed; disposing stops the clock. */
export function startTimer<Word extends string>(
  clock: Clock,
  delayMs: number,
  word: Word,
): Disposable & { readonly passed: Promise<Word> } {
  const stop = new AbortController();
  const passed = clock.delay(delayMs, stop.signal).then(
    () => word,
    () => word, // stopped: nobody looks any more
  );
  return { passed, [Symbol.dispose]: () => stop.abort() };
}
