import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { deferred } from "#base/async.ts";
import { messageOf } from "#base/errors.ts";
import { CheckpointFile, readCheckpoint } from "./checkpoint.ts";
import { type ParserState, SpoolParser, type SpoolLine } from "./parse.ts";
import { headOf, isCurrent, forgetTruncation, type Segment } from "./segments.ts";
import type { Spool, SpoolReader } from "./spool.ts";

const CHUNK_BYTES = 128 * 1024;
/** While there is so much to read: half the ways to the threads that read and write, a tenth of the daemon's share. */
const LARGE_CHUNK_BYTES = 256 * 1024;
const HEAD_BYTES = 48;
/** What a killed daemon's successor reads a second time, at most: a rename over a file starts a write to the disk. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;
const RETRY_MS = 500;
/** After what was read last, more is let come together: each look at a busy spool costs the same, however little it finds. */
const GATHER_MS = 4;
/** How often it is looked how far behind the pump is. */
const HOLD_CHECK_BYTES = 1024 * 1024;
const REOPEN_WAIT_MS = 5;
const MAX_REOPEN_WAIT_MS = 1000;

/** Where what was parsed goes. */
export interface PumpSink {
  /**
   * Once, before anything else.
   * @param state What `state` returned at the checkpoint that reading goes on from; undefined where it begins
   *   anew.
   */
  begin(state: unknown): Promise<void>;
  /** Called while a chunk is parsed; the line is valid during the call. */
  add(line: SpoolLine): void;
  /** Stores or sends what was added. What a failure leaves goes first in the next call. */
  flush(signal: AbortSignal): Promise<void>;
  /** Nothing is there to do: memory that is kept for speed may go. */
  rest?(): void;
  /** Plain data: what `begin` of a successor needs. */
  state(): unknown;
}

export interface PumpClock {
  delay(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface PumpOptions {
  readonly spool: Spool;
  readonly sink: PumpSink;
  /** Beside the spool. */
  readonly checkpointPath: string;
  /** A checkpoint after every flush: for what must not be sent twice. */
  readonly isCheckpointedOften: boolean;
  /** Bytes not yet taken over from which on the container is held; absent: never. */
  readonly holdBytes?: number;
  /** Hold also while the sink refuses; a full disk is no reason to. */
  readonly holdsWhileFailing: boolean;
  /** While the sink refuses: bytes not yet taken over that are kept; what is older is passed over. */
  readonly keepBytes?: number;
  readonly clock: PumpClock;
  readonly warn: (message: string) => void;
}

interface Source {
  readonly inode: number;
  readonly handle: FileHandle;
  /** Later segments have a higher number. */
  readonly after: number;
}

/**
 * Moves what conmon writes to a sink: reads the spool as it grows, over its segments, parses it and flushes
 * chunk by chunk. Where it is, it writes down from time to time, so that a successor goes on from there.
 */
export class Pump implements SpoolReader {
  readonly #options: PumpOptions;
  readonly #stop = new AbortController();
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly #checkpoints: CheckpointFile;
  #parser: SpoolParser;
  #source: Source | undefined;
  /** Bytes of the source that were read. */
  #offset = 0;
  #head = "";
  #sinceCheckpoint = 0;
  #sinceHoldCheck = 0;
  /** Bytes that reached the sink since the start. */
  #taken = 0;
  #isFlushing = false;
  #isFailing = false;
  #isHolding = false;
  #isEnding = false;
  #wakeUp = deferred();
  #round = deferred();
  #running: Promise<void> | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#checkpoints = new CheckpointFile(options.checkpointPath);
    this.#parser = this.#newParser();
  }

  get inode(): number | undefined {
    return this.#source?.inode;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits until all that is in the spool now is in the sink, or the sink refuses. */
  async settle(signal: AbortSignal): Promise<void> {
    const target = this.#taken + this.#backlog() + (this.#isFlushing ? this.#chunk.length : 0);
    while (this.#running && !this.#isFailing && this.#taken < target) {
      signal.throwIfAborted();
      if (!this.#isFlushing && this.#backlog() === 0) return;
      this.#wake();
      await this.#round.promise;
    }
  }

  /**
   * The run is over: takes over all that is left. Where the sink refuses, it is left for the next run's pump.
   *
   * @returns Whether nothing is left.
   */
  async end(): Promise<boolean> {
    this.#isEnding = true;
    this.#wake();
    await this.#running;
    return !this.#isFailing;
  }

  /** Ends where it is; what is left is for another daemon. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  #newParser(state?: ParserState): SpoolParser {
    return new SpoolParser((line) => this.#options.sink.add(line), state);
  }

  #wake(): void {
    this.#wakeUp.resolve();
  }

  #endRound(): void {
    const round = this.#round;
    this.#round = deferred();
    round.resolve();
  }

  async #run(): Promise<void> {
    const { spool, warn } = this.#options;
    using _membership = spool.join(this);
    try {
      await this.#begin();
      while (!this.#stop.signal.aborted && (await this.#step())) this.#endRound();
      if (!this.#isFailing) await this.#tryCheckpoint();
    } catch (error) {
      this.#isFailing = true;
      if (!this.#stop.signal.aborted) {
        warn(`Cannot take over the rest of the log in ${spool.directory}: ${messageOf(error)}`);
      }
    } finally {
      await this.#checkpoints.settled();
      this.#running = undefined;
      this.#endRound();
      await this.#leaveSource();
    }
  }

  /**
   * From the checkpoint where its segment is still there. Where it is not, nothing of what is there now was
   * taken over: of each segment there is a checkpoint before its first line is kept.
   */
  async #begin(): Promise<void> {
    const { spool, sink, checkpointPath } = this.#options;
    const checkpoint = readCheckpoint(checkpointPath);
    const segments = spool.segments();
    const known = checkpoint && segments.find((segment) => isSegmentOf(checkpoint, segment));
    await this.#retrying(() => sink.begin(known ? checkpoint?.sink : undefined));
    this.#parser = this.#newParser(checkpoint?.parser);
    const first = known ?? segments[0];
    if (first) await this.#enter(first, known ? (checkpoint?.offset ?? 0) : 0);
    if (known) this.#head = checkpoint?.head ?? "";
    const last = segments.at(-1);
    if (last && !isCurrent(last)) spool.reopen();
    spool.tidy();
  }

  /** @returns Whether to go on. */
  async #step(): Promise<boolean> {
    const read = await this.#read();
    if (read > 0) {
      await this.#take(this.#chunk.subarray(0, read));
      if (read < this.#chunk.length) await this.#gather();
      else if (!this.#options.isCheckpointedOften) this.#resizeChunk(LARGE_CHUNK_BYTES);
      return true;
    }
    if (await this.#toNextSegment()) return true;
    if (this.#isEnding) {
      this.#parser.end();
      await this.#flush();
      return false;
    }
    this.#hold(false);
    this.#endRound();
    this.#resizeChunk(CHUNK_BYTES);
    this.#options.sink.rest?.();
    await this.#untilChanged();
    return true;
  }

  #resizeChunk(bytes: number): void {
    if (this.#chunk.length !== bytes) this.#chunk = Buffer.allocUnsafe(bytes);
  }

  async #read(): Promise<number> {
    if (!this.#source) return 0;
    const { handle } = this.#source;
    const { bytesRead } = await handle.read(this.#chunk, 0, this.#chunk.length, this.#offset);
    return bytesRead;
  }

  async #take(chunk: Buffer): Promise<void> {
    if (this.#head === "") {
      this.#head = chunk.toString("latin1", 0, HEAD_BYTES);
      await this.#retrying(() => this.#checkpoint());
    }
    this.#parser.push(chunk);
    this.#offset += chunk.length;
    await this.#flush();
    this.#taken += chunk.length;
    this.#sinceCheckpoint += chunk.length;
    if (this.#options.isCheckpointedOften) await this.#tryCheckpoint();
    else if (this.#sinceCheckpoint >= CHECKPOINT_BYTES && !this.#checkpoints.isWriting) {
      void this.#tryCheckpoint(); // `#run` waits for it
    }
    this.#sinceHoldCheck += chunk.length;
    if (this.#sinceHoldCheck >= HOLD_CHECK_BYTES) this.#holdWhenBehind();
    this.#tryRotate();
  }

  /** A short wait, which ends at once when somebody waits for the pump. */
  async #gather(): Promise<void> {
    this.#wakeUp = deferred();
    if (this.#isEnding || this.#stop.signal.aborted) return;
    this.#hold(false);
    this.#endRound(); // who waits for the pump looks, and wakes it where that is not enough
    await this.#untilWokenOr(GATHER_MS);
  }

  async #untilWokenOr(waitMs: number): Promise<void> {
    const { clock } = this.#options;
    const timer = new AbortController();
    const waited = clock.delay(waitMs, timer.signal).catch(() => undefined);
    await Promise.race([waited, this.#wakeUp.promise]);
    timer.abort();
  }

  #holdWhenBehind(): void {
    const { holdBytes } = this.#options;
    this.#sinceHoldCheck = 0;
    if (holdBytes === undefined) return;
    // Once held, until half of it is worked off.
    this.#hold(this.#backlog() > (this.#isHolding ? holdBytes / 2 : holdBytes));
  }

  #hold(isHolding: boolean): void {
    if (isHolding === this.#isHolding) return;
    this.#isHolding = isHolding;
    this.#options.spool.hold(this, isHolding);
  }

  #tryRotate(): void {
    const { spool, warn } = this.#options;
    if (!this.#source) return;
    try {
      spool.rotateAfter(this.#source.inode, this.#offset);
    } catch (error) {
      warn(`Cannot begin a new log segment in ${spool.directory}: ${messageOf(error)}`);
    }
  }

  /** Bytes in the spool that were not read. */
  #backlog(): number {
    const source = this.#source;
    const segments = this.#options.spool.segments();
    const later = segments.filter(
      ({ number, inode }) => inode !== source?.inode && number > (source?.after ?? 0),
    );
    const own = source ? Math.max(0, fstatSync(source.handle.fd).size - this.#offset) : 0;
    return later.reduce((sum, { sizeBytes }) => sum + sizeBytes, own);
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    await this.#retrying(() => this.#options.sink.flush(this.#stop.signal));
    this.#isFlushing = false;
  }

  /**
   * Until it succeeds, the daemon ends, or the run is over: its end is not held up by a full disk.
   *
   * @throws What failed, in the last two cases.
   */
  async #retrying(work: () => Promise<void>): Promise<void> {
    const { spool, warn } = this.#options;
    for (;;) {
      try {
        await work();
        if (this.#isFailing) warn(`The log in ${spool.directory} goes on`);
        this.#isFailing = false;
        return;
      } catch (error) {
        if (this.#isEnding || this.#stop.signal.aborted) throw error;
        if (!this.#isFailing) {
          warn(
            `Cannot go on with the log in ${spool.directory}, trying again: ${messageOf(error)}`,
          );
        }
        this.#isFailing = true;
      }
      this.#endRound();
      await this.#whileFailing();
      this.#wakeUp = deferred();
      await this.#untilWokenOr(RETRY_MS);
    }
  }

  async #whileFailing(): Promise<void> {
    const { holdsWhileFailing, keepBytes } = this.#options;
    if (keepBytes !== undefined) await this.#passOver(keepBytes);
    if (holdsWhileFailing) this.#holdWhenBehind();
    else this.#hold(false);
  }

  /** Leaves out what is older than the last `keepBytes`; what is in the sink stays. */
  async #passOver(keepBytes: number): Promise<void> {
    const { spool } = this.#options;
    const excess = this.#backlog() - keepBytes;
    if (excess <= 0 || !this.#source) return;
    this.#parser = this.#newParser();
    this.#offset += excess;
    let own = fstatSync(this.#source.handle.fd).size;
    while (this.#offset > own) {
      const next = this.#nextSegment();
      if (!next) break;
      await this.#enter(next, this.#offset - own);
      own = next.sizeBytes;
      spool.tidy();
    }
    this.#tryRotate();
  }

  #nextSegment(): Segment | undefined {
    const after = this.#source?.after ?? 0;
    return this.#options.spool
      .segments()
      .find(({ inode, number }) => number > after && inode !== this.#source?.inode);
  }

  /** conmon has closed a segment once there is a later one. */
  async #toNextSegment(): Promise<boolean> {
    const next = this.#nextSegment();
    if (!next) return false;
    // What came between the last read and the look at the folder.
    const read = await this.#read();
    if (read > 0) {
      await this.#take(this.#chunk.subarray(0, read));
      return true;
    }
    this.#parser.endFile();
    const isWritten = await this.#tryCheckpoint();
    const left = await this.#swapSource(next, 0);
    // while it is open here only its name goes: the close, off the event loop, frees its blocks
    if (isWritten) this.#options.spool.tidy();
    await left?.handle.close();
    return true;
  }

  async #enter(segment: Segment, offset: number): Promise<void> {
    const left = await this.#swapSource(segment, offset);
    await left?.handle.close();
  }

  /** @returns What was read before, still open. */
  async #swapSource(segment: Segment, offset: number): Promise<Source | undefined> {
    const { spool } = this.#options;
    await forgetTruncation(segment.path);
    const handle = await open(segment.path, "r");
    const left = this.#source;
    // The one that conmon writes gets its number when it is put aside.
    const after = isCurrent(segment) ? spool.lastNumber : segment.number;
    this.#source = { inode: segment.inode, handle, after };
    this.#offset = offset;
    this.#head = "";
    return left;
  }

  async #leaveSource(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    await source?.handle.close();
  }

  /** Waits for the next write to the segment, or for the segment that conmon is about to begin. */
  async #untilChanged(): Promise<void> {
    const { spool } = this.#options;
    let waitMs = REOPEN_WAIT_MS;
    for (;;) {
      this.#wakeUp = deferred();
      using watch = tryWatch(() => spool.files.onceChanged(spool.currentPath, () => this.#wake()));
      // What was written, or put in place, before the watch began.
      if (this.#isEnding || this.#stop.signal.aborted || this.#hasMore()) return;
      if (watch) return await this.#wakeUp.promise;
      await this.#untilWokenOr(waitMs);
      if (waitMs === MAX_REOPEN_WAIT_MS) spool.reopen();
      waitMs = Math.min(waitMs * 2, MAX_REOPEN_WAIT_MS);
    }
  }

  #hasMore(): boolean {
    return this.#nextSegment() !== undefined || this.#backlog() > 0;
  }

  /** What cannot be written down is read again by a successor. */
  async #tryCheckpoint(): Promise<boolean> {
    if (this.#head === "") return true;
    try {
      await this.#checkpoint();
      return true;
    } catch (error) {
      this.#options.warn(`Cannot write ${this.#options.checkpointPath}: ${messageOf(error)}`);
      return false;
    }
  }

  async #checkpoint(): Promise<void> {
    this.#sinceCheckpoint = 0;
    await this.#checkpoints.write({
      head: this.#head,
      offset: this.#offset - this.#parser.restBytes,
      parser: this.#parser.state,
      sink: this.#options.sink.state(),
    });
  }
}

function isSegmentOf(
  checkpoint: { readonly head: string; readonly offset: number },
  { path, sizeBytes }: Segment,
): boolean {
  return sizeBytes >= checkpoint.offset && headOf(path).startsWith(checkpoint.head);
}

function tryWatch(watch: () => Disposable): Disposable | undefined {
  try {
    return watch();
  } catch {
    return undefined; // the file is about to be there
  }
}
