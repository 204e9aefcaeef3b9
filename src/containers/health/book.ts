import { messageOf } from "#base/errors.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { Collection, CollectionDefinition, Store } from "#store/store.ts";
import type { ContainerHealth, ProbeResult } from "./health.ts";

interface StoredResult extends Omit<ProbeResult, "startedNanos" | "endedNanos"> {
  /** Decimal: JSON has no 64-bit numbers. */
  readonly startedNanos: string;
  readonly endedNanos: string;
}

interface StoredHealth extends Omit<ContainerHealth, "log" | "runStartedNanos"> {
  readonly log: readonly StoredResult[];
  readonly runStartedNanos: string;
}

export const HEALTHS: CollectionDefinition<StoredHealth> = {
  name: "healths",
  version: 1,
  survives: "crash",
};

/**
 * The health of every container that has had a run with a check. A collection of its own: results come often,
 * and a power cut may take the last of them along, so they are not waited for as records are.
 */
export class HealthBook {
  readonly #stored: Collection<StoredHealth>;
  readonly #warn: (message: string) => void;
  readonly #healths = new Map<ContainerId, ContainerHealth>();

  constructor(store: Store, warn: (message: string) => void) {
    this.#stored = store.collection(HEALTHS);
    this.#warn = warn;
    for (const [id, stored] of this.#stored.entries()) {
      this.#healths.set(id as ContainerId, fromStored(stored));
    }
  }

  find(id: ContainerId): ContainerHealth | undefined {
    return this.#healths.get(id);
  }

  ids(): readonly ContainerId[] {
    return [...this.#healths.keys()];
  }

  /** A full disk must not end the checks: what cannot be written is shown all the same. */
  put(id: ContainerId, health: ContainerHealth): void {
    this.#healths.set(id, health);
    try {
      this.#stored.put(id, toStored(health));
    } catch (error) {
      this.#warn(`Cannot record the health of container ${id}: ${messageOf(error)}`);
    }
  }

  delete(id: ContainerId): void {
    if (!this.#healths.delete(id)) return;
    try {
      this.#stored.delete(id);
    } catch (error) {
      this.#warn(`Cannot forget the health of container ${id}: ${messageOf(error)}`);
    }
  }
}

function toStored(health: ContainerHealth): StoredHealth {
  return {
    ...health,
    runStartedNanos: String(health.runStartedNanos),
    log: health.log.map((result) => ({
      ...result,
      startedNanos: String(result.startedNanos),
      endedNanos: String(result.endedNanos),
    })),
  };
}

function fromStored(stored: StoredHealth): ContainerHealth {
  return {
    ...stored,
    runStartedNanos: BigInt(stored.runStartedNanos),
    log: stored.log.map((result) => ({
      ...result,
      startedNanos: BigInt(result.startedNanos),
      endedNanos: BigInt(result.endedNanos),
    })),
  };
}
