import type { EngineEvent, Events } from "#events/events.ts";

/** Counts who listens, for `info`. */
export class CountedEvents implements Events {
  readonly #events: Events;
  readonly #onPublish: () => void;
  listeners = 0;

  constructor(events: Events, onPublish: () => void) {
    this.#events = events;
    this.#onPublish = onPublish;
  }

  publish(event: Omit<EngineEvent, "timeNanos" | "scope">): void {
    this.#events.publish(event);
    this.#onPublish();
  }

  recent(): readonly EngineEvent[] {
    return this.#events.recent();
  }

  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    if (!signal.aborted) {
      this.listeners++;
      signal.addEventListener("abort", () => void this.listeners--, { once: true });
    }
    return this.#events.subscribe(signal);
  }
}
