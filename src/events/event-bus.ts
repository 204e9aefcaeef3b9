import { BoundedQueue } from "#base/async.ts";
import { UnavailableError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { EngineEvent, Events } from "./events.ts";

/** What `GET /events` can replay (events.json, "buffered"). */
const RECENT_LIMIT = 256;
const QUEUE_LIMIT = 1024;

/** Hands each event to all subscribers at once; the engine never waits for one of them. */
export class EventBus implements Events {
  readonly #clock: Pick<Clock, "nowNanos">;
  readonly #subscribers = new Set<BoundedQueue<EngineEvent>>();
  #recent: EngineEvent[] = [];
  #lastNanos = 0n;

  constructor(options: { readonly clock: Pick<Clock, "nowNanos"> }) {
    this.#clock = options.clock;
  }

  publish(event: Omit<EngineEvent, "timeNanos" | "scope">): void {
    const nowNanos = this.#clock.nowNanos();
    // A clock that stands still or goes back must not turn the order of events round.
    this.#lastNanos = nowNanos > this.#lastNanos ? nowNanos : this.#lastNanos + 1n;
    const published: EngineEvent = { ...event, scope: "local", timeNanos: this.#lastNanos };
    this.#recent.push(published);
    if (this.#recent.length >= 2 * RECENT_LIMIT) this.#recent = this.#recent.slice(-RECENT_LIMIT);
    for (const queue of this.#subscribers) this.#offer(queue, published);
  }

  recent(): readonly EngineEvent[] {
    return this.#recent.slice(-RECENT_LIMIT);
  }

  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    const queue = new BoundedQueue<EngineEvent>({ capacity: QUEUE_LIMIT });
    if (signal.aborted) {
      queue.close();
      return queue;
    }
    this.#subscribers.add(queue);
    const leave = (): void => {
      this.#subscribers.delete(queue);
      queue.close();
    };
    signal.addEventListener("abort", leave, { once: true });
    return queue;
  }

  #offer(queue: BoundedQueue<EngineEvent>, event: EngineEvent): void {
    if (queue.offer(event)) return;
    this.#subscribers.delete(queue);
    queue.close(
      new UnavailableError(`Cannot go on with events: the reader is ${QUEUE_LIMIT} events behind`),
    );
  }
}
