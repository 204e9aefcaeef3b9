import { FailedPreconditionError, InternalError, NotFoundError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { DiskUsage, Files } from "#host/files.ts";
import type { Processes } from "#host/processes.ts";

/** Trees up to here are counted at once (a few ms); larger ones by a child process. */
const QUICK_INODES = 2000;
/** How much longer a size serves than it took to count: a cheap one is always fresh. */
const KEPT_FACTOR = 10;
const KEPT_MAX_MS = 60_000;
/** Sizes kept at once. */
const KEPT_MAX = 4096;
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/** One line of `worker measure`: what a path takes, or undefined when it is not there. */
export interface MeasureReport {
  readonly path: string;
  readonly usage?: DiskUsage;
}

export interface MeasuredFilesOptions {
  readonly files: Files;
  readonly processes: Pick<Processes, "run">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Command that starts this executable: `["/usr/bin/wharf"]`. */
  readonly selfCommand: readonly string[];
}

interface Kept {
  readonly usage: DiskUsage;
  readonly untilMs: number;
}

interface Asked {
  readonly path: string;
  readonly resolve: (usage: DiskUsage) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Files whose `diskUsage` leaves the event loop alone however large the tree: a child process counts it,
 * those who ask at the same time share the answer, and one that took long serves for a while.
 */
export class MeasuredFiles implements Files {
  readonly #options: MeasuredFilesOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<DiskUsage>>();
  #asked: Asked[] = [];
  #isChildRunning = false;

  constructor(options: MeasuredFilesOptions) {
    this.#options = options;
  }

  lock(path: string): Disposable | undefined {
    return this.#options.files.lock(path);
  }

  supportsOverlay(path: string): boolean {
    return this.#options.files.supportsOverlay(path);
  }

  fileSystemName(path: string): string {
    return this.#options.files.fileSystemName(path);
  }

  watchDirectory(...watched: Parameters<Files["watchDirectory"]>): Disposable {
    return this.#options.files.watchDirectory(...watched);
  }

  onceChanged(path: string, onChange: () => void): Disposable {
    return this.#options.files.onceChanged(path, onChange);
  }

  syncDirectory(path: string): void {
    this.#options.files.syncDirectory(path);
  }

  spreadFolders(path: string): boolean {
    return this.#options.files.spreadFolders(path);
  }

  quickDiskUsage(path: string, maxInodes: number): Promise<DiskUsage | undefined> {
    return this.#options.files.quickDiskUsage(path, maxInodes);
  }

  diskUsage(path: string): Promise<DiskUsage> {
    const kept = this.#kept.get(path);
    if (kept && kept.untilMs > this.#options.clock.monotonicMs()) {
      return Promise.resolve(kept.usage);
    }
    const underWay = this.#underWay.get(path);
    if (underWay) return underWay;
    const counting = this.#count(path).finally(() => this.#underWay.delete(path));
    this.#underWay.set(path, counting);
    return counting;
  }

  async #count(path: string): Promise<DiskUsage> {
    const { clock, files } = this.#options;
    const beginMs = clock.monotonicMs();
    const quick = await files.quickDiskUsage(path, QUICK_INODES);
    const usage = quick ?? (await this.#ask(path));
    const nowMs = clock.monotonicMs();
    if (quick) return usage;
    const keptMs = Math.min((nowMs - beginMs) * KEPT_FACTOR, KEPT_MAX_MS);
    for (const [name, { untilMs }] of this.#kept) if (untilMs <= nowMs) this.#kept.delete(name);
    if (this.#kept.size < KEPT_MAX) this.#kept.set(path, { usage, untilMs: nowMs + keptMs });
    return usage;
  }

  /** What is asked while a child counts goes to the next one, all together. */
  #ask(path: string): Promise<DiskUsage> {
    const { promise, resolve, reject } = Promise.withResolvers<DiskUsage>();
    this.#asked.push({ path, resolve, reject });
    if (!this.#isChildRunning) void this.#runChildren(); // each who asked hears of its failure
    return promise;
  }

  async #runChildren(): Promise<void> {
    this.#isChildRunning = true;
    await Promise.resolve(); // those who ask in this turn come along
    while (this.#asked.length > 0) {
      const batch = this.#asked;
      this.#asked = [];
      try {
        const reports = await this.#runChild(batch.map(({ path }) => path));
        for (const { path, resolve, reject } of batch) {
          const usage = reports.get(path);
          if (usage) resolve(usage);
          else reject(new NotFoundError(`Cannot read the disk usage of "${path}": it is gone`));
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isChildRunning = false;
  }

  async #runChild(paths: readonly string[]): Promise<ReadonlyMap<string, DiskUsage | undefined>> {
    const { processes, selfCommand } = this.#options;
    const result = await processes.run({
      argv: [...selfCommand, "worker", "measure"],
      env: {},
      input: JSON.stringify(paths),
      maxOutputBytes: OUTPUT_MAX_BYTES,
    });
    if (result.code !== 0) {
      throw new FailedPreconditionError(
        `Cannot read the disk usage of ${paths.length} folders: ${result.stderr.trim() || `its process ended with code ${result.code ?? `of signal ${result.signal}`}`}`,
      );
    }
    const lines = result.stdout.split("\n").filter((line) => line !== "");
    if (lines.length !== paths.length) throw new InternalError("The measuring process lost a path");
    // our own executable wrote them
    const reports = lines.map((line) => JSON.parse(line) as MeasureReport);
    return new Map(reports.map(({ path, usage }) => [path, usage]));
  }
}
