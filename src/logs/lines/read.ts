import type { FileHandle } from "node:fs/promises";
import { abortable } from "#base/async.ts";
import { UnavailableError } from "#base/errors.ts";
import type { LogBatch, LogReadRequest } from "#logs/logs.ts";
import { JsonLineDecoder } from "./decode.ts";
import { firstTime, offsetOfTail, offsetOfTime } from "./locate.ts";
import { type OpenFile, openFiles } from "./open-files.ts";
import type { Follower, LineStore } from "./store.ts";

const CHUNK_BYTES = 128 * 1024;
const NEWLINE = 0x0a;
/** Beyond this a line is none of ours: it is dropped rather than gathered. */
const MAX_LINE_BYTES = 1024 * 1024;

export interface ReadClock {
  nowNanos(): bigint;
  delay(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Where reading begins: the files from there on, oldest first. */
interface Beginning extends AsyncDisposable {
  readonly files: readonly OpenFile[];
  readonly offset: number;
}

/**
 * Reads a store that may grow meanwhile: in batches of a chunk of 128 KiB, so that memory stays flat and the
 * reader's pace is the file's. Without `follow` what is there now is all.
 *
 * @param isOver With `follow`: whether the writer is gone and all it wrote is in the store.
 */
export async function* readStore(
  store: LineStore,
  request: LogReadRequest,
  clock: ReadClock,
  isOver: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  await using stack = new AsyncDisposableStack();
  let follower: Follower | undefined;
  let beginning: Beginning;
  {
    using _ = await store.lock.acquire(signal);
    if (request.follow) follower = stack.use(store.follow());
    beginning = stack.use(await findBeginning(store, request));
  }
  const selection = new Selection(request);
  let { offset } = beginning;
  let reader: LineReader | undefined;
  for (const file of beginning.files) {
    const isLast = file === beginning.files.at(-1);
    const end = isLast && follower ? Number.POSITIVE_INFINITY : file.sizeBytes;
    reader = new LineReader(file.handle, offset, end);
    offset = 0;
    if (isLast && follower) break;
    for (let lines = await reader.next(); lines; lines = await reader.next()) {
      signal.throwIfAborted();
      yield selection.select(lines);
      if (selection.isAtEnd) return;
    }
  }
  if (follower)
    yield* followStore(store, { follower, reader, selection, request, clock, isOver }, signal);
}

interface Following {
  readonly follower: Follower;
  reader: LineReader | undefined;
  readonly selection: Selection;
  readonly request: LogReadRequest;
  readonly clock: ReadClock;
  readonly isOver: () => boolean;
}

async function* followStore(
  store: LineStore,
  following: Following,
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  const { follower, selection, request, clock, isOver } = following;
  const isPast = (): boolean =>
    request.untilNanos !== undefined && clock.nowNanos() > request.untilNanos;
  using _ = wakeAt(store, request.untilNanos, clock);
  let own: FileHandle | undefined;
  try {
    for (;;) {
      signal.throwIfAborted();
      const changed = store.changed();
      // Asked before reading: what was written before the end is read below.
      const wasLast = isOver() || isPast();
      const next = follower.files[0];
      for (
        let lines = await following.reader?.next();
        lines;
        lines = await following.reader?.next()
      ) {
        signal.throwIfAborted();
        yield selection.select(lines);
        if (selection.isAtEnd) return;
      }
      if (next) {
        follower.files.shift();
        await own?.close();
        own = next;
        following.reader = new LineReader(next, 0, Number.POSITIVE_INFINITY);
        continue;
      }
      if (follower.isBehind) {
        throw new UnavailableError(
          "the reader was too slow: log files that it had not read are gone",
        );
      }
      if (wasLast) return;
      await abortable(changed, signal);
    }
  } finally {
    await own?.close();
  }
}

/** Wakes those who follow when the time until which they read has come. */
function wakeAt(store: LineStore, untilNanos: bigint | undefined, clock: ReadClock): Disposable {
  const timer = new AbortController();
  if (untilNanos !== undefined) {
    const leftMs = Math.max(0, Number((untilNanos - clock.nowNanos()) / 1_000_000n) + 1);
    void clock.delay(leftMs, timer.signal).then(
      () => store.notify(),
      () => undefined, // reading ended first
    );
  }
  return { [Symbol.dispose]: () => timer.abort() };
}

async function findBeginning(store: LineStore, request: LogReadRequest): Promise<Beginning> {
  await using stack = new AsyncDisposableStack();
  const files: OpenFile[] = [];
  let offset = 0;
  let wanted = request.tail;
  for await (const file of openFiles(store)) {
    stack.use(file);
    files.unshift(file);
    let byTail = 0;
    if (wanted !== undefined) {
      const tail = await offsetOfTail(
        file.handle,
        file.sizeBytes,
        wanted,
        (stream) => request[stream],
      );
      wanted -= tail.lines;
      byTail = tail.offset;
    }
    const isEnough = wanted !== undefined && wanted <= 0;
    const { bySince, isEarlyEnough } = await lookForTime(file, request.sinceNanos);
    offset = Math.max(byTail, bySince);
    if (isEnough || isEarlyEnough) break;
    offset = 0;
  }
  const open = stack.move();
  return { files, offset, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

async function lookForTime(
  file: OpenFile,
  sinceNanos: bigint | undefined,
): Promise<{ readonly bySince: number; readonly isEarlyEnough: boolean }> {
  if (sinceNanos === undefined) return { bySince: 0, isEarlyEnough: false };
  const first = await firstTime(file.handle);
  if (first === undefined || first >= sinceNanos) return { bySince: 0, isEarlyEnough: false };
  return {
    bySince: await offsetOfTime(file.handle, file.sizeBytes, sinceNanos),
    isEarlyEnough: true,
  };
}

/** Which entries were asked for. */
class Selection {
  readonly #request: LogReadRequest;
  readonly #decoder = new JsonLineDecoder();
  /** An entry was later than asked for: there is nothing more to read. */
  isAtEnd = false;

  constructor(request: LogReadRequest) {
    this.#request = request;
  }

  select(lines: Buffer): LogBatch {
    const { batch, isAtEnd } = this.#decoder.decode(lines, this.#request);
    this.isAtEnd = isAtEnd;
    return batch;
  }
}

/** Whole lines from one offset to another; what follows the last newline is kept for the next call. */
class LineReader {
  readonly #file: FileHandle;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly #end: number;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, offset: number, end: number) {
    this.#file = file;
    this.#offset = offset;
    this.#end = end;
  }

  /** Valid until the next call; undefined at the end of the file as it is now. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const length = Math.min(CHUNK_BYTES, this.#end - this.#offset);
      if (length <= 0) return undefined;
      const { bytesRead } = await this.#file.read(this.#chunk, 0, length, this.#offset);
      if (bytesRead === 0) return undefined;
      this.#offset += bytesRead;
      const fresh = this.#chunk.subarray(0, bytesRead);
      const data = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
      const end = data.lastIndexOf(NEWLINE) + 1;
      const rest = data.subarray(end);
      this.#rest = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : Buffer.from(rest);
      if (end > 0) return data.subarray(0, end);
    }
  }
}
