import type { Clock } from "#host/clock.ts";
import type { Upstream } from "#networks/dns/upstreams.ts";

/** How long a server that did not answer comes last. */
const AVOID_MS = 30_000;

/** Remembers which servers did not answer, so that not every question waits for them. */
export class ServerHealth {
  readonly #clock: Clock;
  readonly #avoidUntilMs = new Map<string, number>();

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock;
  }

  /** @param place Where it is asked from: one may reach what another does not. */
  failed(upstream: Upstream, place: string): void {
    this.#avoidUntilMs.set(keyOf(upstream, place), this.#clock.monotonicMs() + AVOID_MS);
  }

  answered(upstream: Upstream, place: string): void {
    this.#avoidUntilMs.delete(keyOf(upstream, place));
  }

  /** The servers, those that failed of late at the end; all of them are still to be tried. */
  order(upstreams: readonly Upstream[], place: string): readonly Upstream[] {
    if (this.#avoidUntilMs.size === 0) return upstreams;
    const nowMs = this.#clock.monotonicMs();
    for (const [key, untilMs] of this.#avoidUntilMs) {
      if (untilMs <= nowMs) this.#avoidUntilMs.delete(key);
    }
    const isAvoided = (one: Upstream): boolean => this.#avoidUntilMs.has(keyOf(one, place));
    return [
      ...upstreams.filter((one) => !isAvoided(one)),
      ...upstreams.filter((one) => isAvoided(one)),
    ];
  }
}

function keyOf({ address, from }: Upstream, place: string): string {
  return from === "host" ? `host ${address}` : `${place} ${address}`;
}
