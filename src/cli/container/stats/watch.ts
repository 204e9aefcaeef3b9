import type { EngineClient } from "#client/engine-client.ts";
import { CancelledError } from "#base/errors.ts";
import { containerPath } from "#cli/container/each-container.ts";
import type { UsageRow } from "./format.ts";
import { type StatsMessage, type UsageSample, usageOf } from "./sample.ts";

/** The engine sends a sample a second; older numbers are not shown. */
const currentMs = 2000;

interface Watched {
  sample: UsageSample | undefined;
  sampledAtMs: number;
  hasEnded: boolean;
  failure: unknown;
}

/** How the set of watched containers gets its numbers. */
export interface UsageWatchOptions {
  readonly engine: EngineClient;
  readonly nowMs: () => number;
  /** False: one sample a container. */
  readonly isLive: boolean;
}

/** Follows what containers use; disposing it ends all its requests. */
export class UsageWatch implements AsyncDisposable {
  readonly #options: UsageWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #stop = new AbortController();
  readonly #readers = new Set<Promise<void>>();
  #changes = 0;

  constructor(options: UsageWatchOptions) {
    this.#options = options;
  }

  /** Counts what has changed since the beginning: samples, containers that came or went. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Begins to follow a container, unless it is followed already.
   *
   * @returns When there is a first sample, or none is to be had soon.
   */
  async add(container: string): Promise<void> {
    if (this.#watched.has(container)) return;
    const watched: Watched = {
      sample: undefined,
      sampledAtMs: this.#options.nowMs(),
      hasEnded: false,
      failure: undefined,
    };
    this.#watched.set(container, watched);
    this.#changes += 1;
    const first = Promise.withResolvers<void>();
    const reader = this.#read(container, watched, first.resolve);
    this.#readers.add(reader);
    const patience = this.#options.isLive ? setTimeout(first.resolve, currentMs) : undefined;
    await first.promise;
    clearTimeout(patience);
  }

  remove(container: string): void {
    if (this.#watched.delete(container)) this.#changes += 1;
  }

  /** In the order in which they were added; without those that were never to be seen. */
  rows(): readonly UsageRow[] {
    const now = this.#options.nowMs();
    const seen = [...this.#watched].filter(
      ([, { sample, failure }]) => sample !== undefined || failure === undefined,
    );
    return seen.map(([container, watched]) => ({
      container,
      sample: watched.sample,
      isCurrent:
        watched.sample !== undefined &&
        !watched.hasEnded &&
        (!this.#options.isLive || now - watched.sampledAtMs <= currentMs),
    }));
  }

  /** Why containers could not be followed. */
  failures(): readonly unknown[] {
    return [...this.#watched.values()].flatMap(({ failure }) =>
      failure === undefined ? [] : [failure],
    );
  }

  /** When no container that was added sends samples any more. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#readers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.allEnded();
  }

  async #read(container: string, watched: Watched, onFirst: () => void): Promise<void> {
    const { engine, nowMs, isLive } = this.#options;
    try {
      const messages = engine.messages<StatsMessage>("GET", containerPath(container, "/stats"), {
        query: { stream: isLive },
        signal: this.#stop.signal,
      });
      for await (const message of messages) {
        watched.sample = usageOf(message);
        watched.sampledAtMs = nowMs();
        this.#changes += 1;
        onFirst();
      }
    } catch (error) {
      if (!(error instanceof CancelledError)) watched.failure = error;
    } finally {
      // One sample is what was asked for; the end of a stream is that of the container.
      watched.hasEnded = isLive || watched.sample === undefined;
      this.#changes += 1;
      onFirst();
    }
  }
}
