import { NotFoundError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { ExecConfig } from "#spec/engine-api/exec-config.ts";
import type { ContainerId, ExecId } from "#spec/ids.ts";
import type { Collection, CollectionDefinition, Store } from "#store/store.ts";
import type { ExecDetails } from "#containers/containers.ts";

/** A started exec in the store, from before it starts until after it ended. */
export interface StoredExec {
  readonly containerId: ContainerId;
  readonly config: ExecConfig;
  readonly isProbe?: true;
}

export const EXECS: CollectionDefinition<StoredExec> = {
  name: "execs",
  version: 1,
  survives: "crash",
};

interface Entry {
  readonly details: ExecDetails;
  /** Monotonic; when it may be forgotten is counted from here. */
  readonly endedMs?: number;
}

/** How long the exit code of an exec may be asked for. */
const RETAIN_MS = 5 * 60 * 1000;
/** Execs that were created and never started are bounded too. */
const MAX_ENTRIES = 10_000;

/**
 * The execs of all containers. In memory, but for those under way: of these the store has what a
 * daemon's successor needs to take them over.
 */
export class Execs {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #stored: Collection<StoredExec>;
  readonly #entries = new Map<ExecId, Entry>();
  /** Of each container those that have not ended: asked for by each look at it. */
  readonly #unended = new Map<ContainerId, Set<ExecId>>();

  constructor(store: Store, clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
    this.#stored = store.collection(EXECS);
  }

  /** @throws {NotFoundError} Unknown, or ended more than five minutes ago. */
  get(id: string): ExecDetails {
    this.#sweep();
    const entry = this.#entries.get(id as ExecId);
    if (!entry) throw new NotFoundError(`No such exec instance: ${id}`);
    return entry.details;
  }

  find(id: ExecId): ExecDetails | undefined {
    return this.#entries.get(id)?.details;
  }

  put(details: ExecDetails): void {
    const isEnd = details.status === "exited";
    this.#entries.set(details.id, {
      details,
      ...(isEnd ? { endedMs: this.#clock.monotonicMs() } : {}),
    });
    if (isEnd) this.#noteEnd(details);
    else this.#noteUnended(details);
    if (this.#entries.size > MAX_ENTRIES) this.#dropOldestIdle();
  }

  /** Those that have not ended. */
  idsOf(containerId: ContainerId): readonly ExecId[] {
    return [...(this.#unended.get(containerId) ?? [])];
  }

  forget(id: ExecId): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#noteEnd(entry.details);
  }

  forgetAllOf(containerId: ContainerId): void {
    for (const [id, { details }] of this.#entries) {
      if (details.containerId === containerId) this.forget(id);
    }
  }

  /** Before it starts, so that no crash leaves a process that nobody knows. */
  recordStart(details: ExecDetails): void {
    const { containerId, config, isProbe } = details;
    this.#stored.put(details.id, { containerId, config, ...(isProbe && { isProbe }) });
  }

  recordEnd(id: ExecId): void {
    this.#stored.delete(id);
  }

  /** Those that an earlier daemon started and did not see end. */
  unfinished(): readonly (readonly [id: ExecId, exec: StoredExec])[] {
    return this.#stored.entries().map(([id, exec]) => [id as ExecId, exec]);
  }

  #sweep(): void {
    const oldest = this.#clock.monotonicMs() - RETAIN_MS;
    for (const [id, { endedMs }] of this.#entries) {
      if (endedMs !== undefined && endedMs < oldest) this.forget(id);
    }
  }

  #noteUnended({ id, containerId }: ExecDetails): void {
    const ids = this.#unended.get(containerId);
    if (ids) ids.add(id);
    else this.#unended.set(containerId, new Set([id]));
  }

  #noteEnd({ id, containerId }: ExecDetails): void {
    const ids = this.#unended.get(containerId);
    if (ids?.delete(id) && ids.size === 0) this.#unended.delete(containerId);
  }

  #dropOldestIdle(): void {
    for (const [id, { details }] of this.#entries) {
      if (details.status === "running") continue;
      this.forget(id);
      return;
    }
  }
}
