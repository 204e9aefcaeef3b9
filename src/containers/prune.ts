import { ConflictError } from "#base/errors.ts";
import { type Filters, matchesLabels } from "#spec/engine-api/filters.ts";
import { parseUntilFilter } from "#spec/engine-api/until-filter.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";
import type { RemovalParts } from "./removal.ts";
import { removeStopped } from "./remove.ts";
import { isUp } from "./transitions.ts";

export type PruneParts = RemovalParts & Pick<ContainerParts, "clock" | "supervisorsAhead">;

export interface PruneResult {
  readonly ids: readonly string[];
  readonly reclaimedBytes: number;
}

/** One prune at a time: two would count the same bytes. */
export class ContainerPruner {
  readonly #parts: PruneParts;
  #isRunning = false;

  constructor(parts: PruneParts) {
    this.#parts = parts;
  }

  /** Containers that `prune` would remove now. */
  preview(filters: Filters): readonly ContainerRecord[] {
    const untilNanos = parseUntilFilter(filters, this.#parts.clock.nowNanos());
    return this.#parts.registry
      .visible()
      .filter((record) => isPrunable(record, filters, untilNanos));
  }

  /** @throws {ConflictError} A prune runs. */
  async prune(filters: Filters): Promise<PruneResult> {
    const untilNanos = parseUntilFilter(filters, this.#parts.clock.nowNanos());
    if (this.#isRunning) throw new ConflictError("a prune operation is already running");
    this.#isRunning = true;
    try {
      return await this.#removeAll(filters, untilNanos);
    } finally {
      this.#isRunning = false;
    }
  }

  async #removeAll(filters: Filters, untilNanos: bigint | undefined): Promise<PruneResult> {
    const ids: string[] = [];
    let reclaimedBytes = 0;
    const isWanted = (record: ContainerRecord): boolean => isPrunable(record, filters, untilNanos);
    for (const { id } of this.#parts.registry.visible().filter(isWanted)) {
      const bytes = await this.#removeOne(id, isWanted);
      if (bytes === undefined) continue;
      ids.push(id);
      reclaimedBytes += bytes;
    }
    this.#parts.events.pruned(reclaimedBytes);
    return { ids, reclaimedBytes };
  }

  /** @returns Its bytes; undefined when it was started or removed meanwhile. */
  async #removeOne(
    id: ContainerRecord["id"],
    isWanted: (record: ContainerRecord) => boolean,
  ): Promise<number | undefined> {
    const parts = this.#parts;
    return await parts.lives.of(id).lane.run(async () => {
      const record = parts.registry.find(id);
      if (!record || !parts.registry.isVisible(record) || !isWanted(record)) return undefined;
      const bytes = parts.snapshotter.stat(id) ? (await parts.snapshotter.usage(id)).bytes : 0;
      await removeStopped(parts, record, false);
      return bytes;
    });
  }
}

function isPrunable(
  record: ContainerRecord,
  filters: Filters,
  untilNanos: bigint | undefined,
): boolean {
  return (
    !isUp(record.state) &&
    record.state.status !== "removing" &&
    matchesLabels(filters, record.config.Labels) &&
    (untilNanos === undefined || record.createdNanos <= untilNanos)
  );
}
