import type { Upstream } from "#networks/dns/upstreams.ts";
import { judgeAnswer } from "#networks/dns/wire/judge.ts";
import { type ExchangeParts, type ExchangeRequest, startTimer, withId } from "./exchange.ts";

/** How long a server may be silent before the next one is asked as well. */
const PATIENCE_MS = 1000;
/** Where there is no other: the datagram may be lost, and is sent again. */
const LONE_PATIENCE_MS = 2000;
/** How long there is to wait when all have been asked. */
const LAST_PATIENCE_MS = 4000;
/** Messages on one socket that do not fit its question: beyond it somebody is guessing. */
const MAX_FOREIGN = 32;

interface Answer {
  /** Under the client's id. */
  readonly message: Buffer;
  readonly upstream: Upstream;
}

type Failure = "declined" | "unreachable";

/**
 * Asks servers by UDP until one answers: the next one as soon as one declines, or is silent for a second; those
 * that are silent a second time. The first answer counts, also of one that had been given up. Each question goes
 * from a random port and with an id of its own.
 *
 * @returns The answer under the client's id; undefined when none gave one in time.
 */
export async function exchangeByUdp(
  parts: ExchangeParts,
  request: ExchangeRequest,
): Promise<Buffer | undefined> {
  const { upstreams, signal } = request;
  using open = new DisposableStack();
  const { promise: answered, resolve } = Promise.withResolvers<Answer | "aborted">();
  const onAbort = (): void => resolve("aborted");
  signal.addEventListener("abort", onAbort, { once: true });
  open.defer(() => signal.removeEventListener("abort", onAbort));

  const over = new Set<Upstream>();
  const turns = [...upstreams, ...upstreams];
  for (const [turn, upstream] of turns.entries()) {
    if (signal.aborted || over.has(upstream)) continue;
    const failed = ask(parts, request, { upstream, open, onAnswer: resolve });
    const isLast = !turns.slice(turn + 1).some((other) => !over.has(other));
    using timer = startTimer(parts.clock, patienceMs(upstreams.length, isLast), "silent");
    const outcome = await Promise.race([answered, failed, timer.passed]);
    if (outcome === "aborted") return undefined;
    if (typeof outcome === "object") {
      request.onAnswered(outcome.upstream);
      return outcome.message;
    }
    if (outcome !== "silent") over.add(upstream);
    if (outcome !== "declined") request.onSilent(upstream);
  }
  return undefined;
}

function patienceMs(servers: number, isLast: boolean): number {
  if (isLast) return LAST_PATIENCE_MS;
  return servers === 1 ? LONE_PATIENCE_MS : PATIENCE_MS;
}

/** Asks one server. Settles when nothing can come of it any more. */
async function ask(
  parts: ExchangeParts,
  { query, placeOf }: ExchangeRequest,
  attempt: {
    readonly upstream: Upstream;
    readonly open: DisposableStack;
    readonly onAnswer: (answer: Answer) => void;
  },
): Promise<Failure> {
  const { upstream, open, onAnswer } = attempt;
  const { promise: failure, resolve: fail } = Promise.withResolvers<Failure>();
  const id = parts.newId();
  const clientId = query.message.readUInt16BE(0);
  let foreign = 0;
  const onDatagram = (message: Buffer): void => {
    switch (judgeAnswer(query, id, message)) {
      case "answer":
        return onAnswer({ message: withId(message, clientId), upstream });
      case "failed":
        return fail("declined");
      case "foreign":
        foreign += 1;
        if (foreign === MAX_FOREIGN) fail("declined");
    }
  };
  try {
    const connection = await parts.internet.connectUdp(placeOf(upstream), {
      onDatagram: (message) => {
        if (foreign < MAX_FOREIGN) onDatagram(message);
      },
      onRefused: () => fail("unreachable"),
    });
    if (open.disposed) connection[Symbol.dispose]();
    else open.use(connection).send(withId(query.message, id));
  } catch {
    return "unreachable"; // no route, no such family: as good as no answer
  }
  return await failure;
}
