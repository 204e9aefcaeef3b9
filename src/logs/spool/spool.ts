import type { Files } from "#host/files.ts";
import type { LogProcess } from "#logs/logs.ts";
import {
  isCurrent,
  listSegments,
  putCurrentAside,
  removeSegment,
  type Segment,
  spoolPath,
} from "./segments.ts";

/** conmon is sent on to a new file when this much of the old one was taken over. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

export interface SpoolReader {
  /** Inode of the segment that it reads; undefined before it has begun. */
  readonly inode: number | undefined;
}

/**
 * What conmon writes of one container, with those who take it over (the log's files, a shipping driver). Each
 * reads at its own pace; what all have read is deleted.
 */
export class Spool {
  readonly directory: string;
  readonly files: Pick<Files, "onceChanged">;
  readonly #readers = new Set<SpoolReader>();
  readonly #brake: Brake;
  #process: LogProcess | undefined;
  /** The highest number that a segment had; numbers are not used again while there may be a reader. */
  #lastNumber: number;
  /** Whether there may be segments that were put aside, which nobody but this object does: most never have one. */
  #hasAside: boolean;

  constructor(
    directory: string,
    files: Pick<Files, "onceChanged">,
    warn: (message: string) => void,
  ) {
    this.directory = directory;
    this.files = files;
    this.#brake = new Brake(warn);
    const aside = listSegments(directory).filter((segment) => !isCurrent(segment));
    this.#lastNumber = aside.at(-1)?.number ?? 0;
    this.#hasAside = aside.length > 0;
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** The run that writes; undefined once it has ended. */
  set process(process: LogProcess | undefined) {
    this.#process = process;
    this.#brake.process = process;
  }

  get isWritten(): boolean {
    return this.#process !== undefined;
  }

  join(reader: SpoolReader): Disposable {
    this.#readers.add(reader);
    return {
      [Symbol.dispose]: () => {
        this.#readers.delete(reader);
        this.#brake.set(reader, false);
      },
    };
  }

  /** Nothing is there that was written. */
  get isEmpty(): boolean {
    return this.segments().every(({ sizeBytes }) => sizeBytes === 0);
  }

  segments(): readonly Segment[] {
    return listSegments(this.directory, this.#hasAside);
  }

  /** Deletes what every reader has left behind. */
  tidy(): void {
    const segments = this.segments();
    for (const segment of segments) {
      if (isCurrent(segment)) return;
      for (const reader of this.#readers) {
        if (reader.inode === undefined || reader.inode === segment.inode) return;
      }
      removeSegment(segment.path);
    }
  }

  /** Deletes all: the run is over and every reader has read it. */
  clear(): void {
    for (const { path } of this.segments()) removeSegment(path);
  }

  /**
   * Begins a new segment when `offset` says that the current one is long enough.
   *
   * @throws What `node:fs` throws; conmon goes on in the old one.
   */
  rotateAfter(inode: number, offset: number): void {
    if (offset < SEGMENT_BYTES || !this.#process) return;
    const current = this.segments().find(isCurrent);
    if (current?.inode !== inode) return;
    this.#hasAside = true;
    putCurrentAside(this.directory, this.#lastNumber + 1);
    this.#lastNumber++;
    this.reopen();
  }

  /** For a conmon that writes to a segment that was put aside. */
  reopen(): void {
    try {
      this.#process?.reopenLog();
    } catch {
      // it has ended: its exit is on the way, and nothing more is written
    }
  }

  get currentPath(): string {
    return spoolPath(this.directory);
  }

  /** Whether `reader` is so far behind that the container must wait for it. */
  hold(reader: SpoolReader, isBehind: boolean): void {
    this.#brake.set(reader, isBehind);
  }
}

/** Holds the container's output back while one reader or more want it. */
class Brake {
  readonly #wanting = new Set<SpoolReader>();
  readonly #warn: (message: string) => void;
  process: LogProcess | undefined;
  #held: Promise<AsyncDisposable | undefined> | undefined;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  set(reader: SpoolReader, isWanted: boolean): void {
    if (isWanted) this.#wanting.add(reader);
    else this.#wanting.delete(reader);
    if (this.#wanting.size > 0 && this.process) this.#held ??= this.#hold(this.process);
    else if (this.#held) this.#release();
  }

  async #hold(process: LogProcess): Promise<AsyncDisposable | undefined> {
    try {
      return await process.holdOutput();
    } catch {
      return undefined; // it has ended, or takes no more clients: its size cap still holds
    }
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    void held
      ?.then((hold) => hold?.[Symbol.asyncDispose]())
      .catch((error: unknown) =>
        this.#warn(`Cannot let a container's output go: ${String(error)}`),
      );
  }
}
