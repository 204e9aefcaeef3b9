import { abortable, Semaphore } from "#base/async.ts";
import type { Clock } from "#host/clock.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { Background } from "#containers/background.ts";
import type { ContainerEvents } from "#containers/container-events.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerRegistry } from "#containers/registry.ts";
import type { HealthBook } from "./book.ts";
import { type HealthCheck, healthCheckOf } from "./check.ts";
import {
  afterProbe,
  beginHealth,
  ceaseHealth,
  type ContainerHealth,
  delayBeforeProbe,
  hasFailed,
  type ProbeResult,
} from "./health.ts";

export interface HealthMonitorsOptions {
  readonly book: HealthBook;
  readonly registry: Pick<ContainerRegistry, "find">;
  readonly events: Pick<ContainerEvents, "publish">;
  readonly background: Pick<Background, "run" | "signal">;
  readonly clock: Clock;
  /** Does one check. Never rejects. */
  readonly probe: (
    record: ContainerRecord,
    check: HealthCheck,
    startPermit: Disposable,
    signal: AbortSignal,
  ) => Promise<ProbeResult>;
  /** The checks of a container have failed, once more. */
  readonly onFailure: (record: ContainerRecord) => Promise<void>;
}

/** A check through an exec costs a conmon and a runtime: hundreds that are due at once wait for one another. */
const CONCURRENT_STARTS = 4;
const NANOS_PER_MS = 1_000_000n;

/**
 * Checks the containers that run. Each has one timer, or one check under way, never both: however long a
 * check takes, they do not pile up.
 */
export class HealthMonitors {
  readonly #options: HealthMonitorsOptions;
  readonly #starts = new Semaphore(CONCURRENT_STARTS);
  readonly #watches = new Map<ContainerId, AbortController>();

  constructor(options: HealthMonitorsOptions) {
    this.#options = options;
  }

  healthOf(id: ContainerId): ContainerHealth | undefined {
    return this.#options.book.find(id);
  }

  /** A run has begun. */
  begin(record: ContainerRecord): void {
    if (record.state.status !== "running" || !healthCheckOf(record.config)) return;
    const { book } = this.#options;
    book.put(record.id, beginHealth(book.find(record.id), record.state.startedNanos));
    this.#watch(record);
  }

  /** It goes on after a pause. */
  resume(record: ContainerRecord): void {
    if (this.#options.book.find(record.id)) this.#watch(record);
  }

  /** Found running by a new engine: what is known of it stays, and the next check comes when it was due. */
  takeOver(record: ContainerRecord): void {
    const { state } = record;
    if (state.status !== "running") return;
    const known = this.#options.book.find(record.id);
    if (known?.runStartedNanos !== state.startedNanos) this.begin(record);
    else if (!state.paused) this.#watch(record, known.log.at(-1)?.endedNanos ?? state.startedNanos);
  }

  /** No more checks for now; the health stays as it is. */
  suspend(id: ContainerId): void {
    this.#watches.get(id)?.abort();
    this.#watches.delete(id);
  }

  /** It is paused, or has ended. */
  cease(id: ContainerId): void {
    this.suspend(id);
    const { book } = this.#options;
    const health = book.find(id);
    if (health && health.status !== "unhealthy") book.put(id, ceaseHealth(health));
  }

  /** It is gone. */
  forget(id: ContainerId): void {
    this.suspend(id);
    this.#options.book.delete(id);
  }

  /** Forgets all but the containers that there are: after a crash in a removal. */
  keepOnly(isKnown: (id: ContainerId) => boolean): void {
    for (const id of this.#options.book.ids()) if (!isKnown(id)) this.forget(id);
  }

  /** @param lastNanos When the last check ended; now when absent. */
  #watch(record: ContainerRecord, lastNanos?: bigint): void {
    this.suspend(record.id);
    const check = healthCheckOf(record.config);
    if (!check) return;
    const watch = new AbortController();
    this.#watches.set(record.id, watch);
    const { background } = this.#options;
    const signal = AbortSignal.any([watch.signal, background.signal]);
    void background.run(`Cannot check the health of container ${record.id}`, async () => {
      try {
        await this.#checkUntil(record.id, check, lastNanos, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
  }

  async #checkUntil(
    id: ContainerId,
    check: HealthCheck,
    lastNanos: bigint | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, registry, probe } = this.#options;
    for (let last = lastNanos; ; last = undefined) {
      await clock.delay(this.#delayMs(id, check, last), signal);
      const startPermit = await this.#starts.acquire(signal);
      const record = registry.find(id);
      if (record?.state.status !== "running") {
        startPermit[Symbol.dispose]();
        return;
      }
      // one that is cut off ends by itself, and is not waited for
      const result = await abortable(probe(record, check, startPermit, signal), signal);
      this.#record(id, check, result);
    }
  }

  #delayMs(id: ContainerId, check: HealthCheck, lastNanos: bigint | undefined): number {
    const { book, clock } = this.#options;
    const health = book.find(id);
    if (!health) return check.intervalMs;
    const nowNanos = clock.nowNanos();
    const since = (nanos: bigint): number => Number((nowNanos - nanos) / NANOS_PER_MS);
    const delayMs = delayBeforeProbe(health, check, since(health.runStartedNanos));
    if (lastNanos === undefined) return delayMs;
    return Math.min(delayMs, Math.max(0, delayMs - since(lastNanos)));
  }

  #record(id: ContainerId, check: HealthCheck, result: ProbeResult): void {
    const { book, registry, events } = this.#options;
    const before = book.find(id);
    const record = registry.find(id);
    if (!before || !record) return;
    const after = afterProbe(before, check, result);
    book.put(id, after);
    if (after.status !== before.status) events.publish(record, `health_status: ${after.status}`);
    if (result.exitCode !== 0 && hasFailed(after, check)) this.#fail(record);
  }

  /** Beside the checks, which end when the container does. */
  #fail(record: ContainerRecord): void {
    const { background, onFailure } = this.#options;
    void background.run(`Cannot act on the health of container ${record.id}`, async () => {
      await onFailure(record);
    });
  }
}
