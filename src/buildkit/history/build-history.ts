import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import type { StatusResponse } from "#spec/buildkit/control.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { ProgressRecorder, readProgress } from "./recorder.ts";
import type { StoredBlob, StoredRecord } from "./stored-record.ts";

/** The newest so many stay, and those that somebody has pinned. */
const MOST_RECORDS = 50;

export type HistoryChange =
  | { readonly kind: "started" | "complete"; readonly record: StoredRecord }
  | { readonly kind: "deleted"; readonly record: StoredRecord };

/** A build under way, on its way into the history. */
export interface OpenRecord {
  take(item: Partial<StatusResponse>): void;
  /** What is built, and how: known when the client says so. */
  describe(frontend: string, attributes: ReadonlyMap<string, string>): void;
  /** @param blobs Kept with the record, by digest. */
  finish(
    end: Pick<StoredRecord, "error" | "response" | "results">,
    blobs: ReadonlyMap<string, Uint8Array>,
  ): void;
}

/**
 * What was built: a folder for each build, with its record, its progress and what was stated of its result. One without a
 * record is what a killed engine left, and goes.
 */
export class BuildHistory {
  readonly #directory: string;
  readonly #nowMs: () => number;
  readonly #done = new Map<string, StoredRecord>();
  readonly #running = new Map<string, StoredRecord>();
  readonly #listeners = new Set<(change: HistoryChange) => void>();

  /** @param directory `<data root>/builder/history`. */
  constructor(directory: string, nowMs: () => number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const path = join(directory, name, "record.json");
      if (!existsSync(path)) {
        rmSync(join(directory, name), { recursive: true, force: true });
        continue;
      }
      // written by `#write` and moved into place whole
      const record = JSON.parse(readFileSync(path, "utf8")) as StoredRecord;
      this.#done.set(record.ref, record);
    }
    this.#trim();
  }

  /** Those under way too, the newest first. */
  list(): readonly StoredRecord[] {
    return [...this.#running.values(), ...this.#done.values()].toSorted(
      (left, right) => right.createdMs - left.createdMs,
    );
  }

  has(ref: string): boolean {
    return this.#done.has(ref);
  }

  /** Told of each change until it is disposed of. */
  listen(listener: (change: HistoryChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  begin(ref: string, exporters: StoredRecord["exporters"]): OpenRecord {
    const recorder = new ProgressRecorder();
    let record: StoredRecord = {
      ref,
      frontend: "",
      attributes: {},
      exporters,
      createdMs: this.#nowMs(),
      response: {},
      results: {},
      isPinned: false,
      steps: { cached: 0, total: 0, completed: 0 },
      warnings: 0,
    };
    this.#running.set(ref, record);
    this.#tell({ kind: "started", record });
    return {
      take: (item) => recorder.take(item),
      describe: (frontend, attributes) => {
        record = { ...record, frontend, attributes: Object.fromEntries(attributes) };
        this.#running.set(ref, record);
      },
      finish: (end, blobs) => {
        record = { ...record, ...end, ...recorder.counts, completedMs: this.#nowMs() };
        this.#running.delete(ref);
        this.#keep(record, recorder.bytes, blobs);
        this.#tell({ kind: "complete", record });
        this.#trim();
      },
    };
  }

  /** The progress of a build that is over. @throws {NotFoundError} There is none of that name. */
  *progress(ref: string): Generator<StatusResponse> {
    if (!this.#done.has(ref)) throw new NotFoundError(`no such build ${ref}`);
    yield* readProgress(readFileSync(join(this.#folder(ref), "progress")));
  }

  /** What was stated of a result. @returns Undefined where no record has it. */
  blob(digest: string): Uint8Array | undefined {
    for (const { ref, results } of this.#done.values()) {
      const own = Object.values(results).flatMap(({ attestations }) => attestations);
      if (!own.some((one) => one.digest === digest)) continue;
      const path = join(this.#folder(ref), digest.replace(":", "-"));
      if (existsSync(path)) return readFileSync(path);
    }
    return undefined;
  }

  /** @throws {NotFoundError} There is none of that name. */
  pin(ref: string, isPinned: boolean): void {
    const record = { ...this.#find(ref), isPinned };
    this.#write(record);
    this.#tell({ kind: "complete", record });
  }

  /** @throws {NotFoundError} There is none of that name. */
  remove(ref: string): void {
    const record = this.#find(ref);
    rmSync(this.#folder(ref), { recursive: true, force: true });
    this.#done.delete(ref);
    this.#tell({ kind: "deleted", record });
  }

  #find(ref: string): StoredRecord {
    const found = this.#done.get(ref);
    if (found) return found;
    throw new NotFoundError(`failed to get history record ${ref}: not found`);
  }

  #keep(
    record: StoredRecord,
    progress: Uint8Array,
    blobs: ReadonlyMap<StoredBlob["digest"], Uint8Array>,
  ): void {
    const folder = this.#folder(record.ref);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, "progress"), progress, { mode: 0o600 });
    for (const [digest, bytes] of blobs) {
      writeFileSync(join(folder, digest.replace(":", "-")), bytes, { mode: 0o600 });
    }
    this.#write(record);
  }

  #write(record: StoredRecord): void {
    const path = join(this.#folder(record.ref), "record.json");
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#done.set(record.ref, record);
  }

  #trim(): void {
    const old = [...this.#done.values()]
      .filter(({ isPinned }) => !isPinned)
      .toSorted((left, right) => right.createdMs - left.createdMs)
      .slice(MOST_RECORDS);
    for (const { ref } of old) this.remove(ref);
  }

  #tell(change: HistoryChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** A client's name for a build may be anything. */
  #folder(ref: string): string {
    return join(this.#directory, digestHex(digestOf(ref)).slice(0, 32));
  }
}
