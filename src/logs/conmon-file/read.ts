import { watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { deferred } from "#base/async.ts";
import type { LogEntry, LogReadRequest } from "#logs/logs.ts";
import { EntryParser } from "./entry.ts";
import { offsetOfTail, offsetOfTime } from "./locate.ts";

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** Beyond this a line is no line of conmon's: it is dropped rather than gathered. */
const MAX_LINE_BYTES = 1024 * 1024;

export interface ReadClock {
  nowNanos(): bigint;
  delay(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Reads a log that may grow meanwhile: 64 KiB at a time, so that memory stays flat and the reader's
 * pace is the file's. A missing file is an empty log.
 */
export async function* readConmonFile(
  path: string,
  request: LogReadRequest,
  clock: ReadClock,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  const isWanted = (stream: "stdout" | "stderr") => request[stream];
  // Watched before the first read: what is written after the last read is never missed.
  using changes = request.follow ? new FileChanges(path) : undefined;
  await using file = await openWhenThere(path, changes, request, signal);
  if (!file) return;
  const { size } = await file.handle.stat();
  const bySince =
    request.sinceNanos === undefined
      ? 0
      : await offsetOfTime(file.handle, size, request.sinceNanos);
  const byTail =
    request.tail === undefined ? 0 : await offsetOfTail(file.handle, size, request.tail, isWanted);
  // Without following, what is there now is all: a writer that never rests must not keep the reader.
  const end = request.follow ? Number.POSITIVE_INFINITY : size;
  const lines = new LineReader(file.handle, Math.max(bySince, byTail), end);
  const parser = new EntryParser();
  const isOver = () => request.untilNanos !== undefined && clock.nowNanos() > request.untilNanos;
  let isWriterGone = false;
  const gone = request.writerGone?.then(() => {
    isWriterGone = true;
    changes?.notify();
  });
  // `gone` never rejects; following ends by it, so nothing else waits for it.
  void gone;
  const timer = new AbortController();
  if (changes && request.untilNanos !== undefined) {
    const leftMs = Math.max(0, Number((request.untilNanos - clock.nowNanos()) / 1_000_000n) + 1);
    void clock.delay(leftMs, timer.signal).then(
      () => changes.notify(),
      () => undefined, // reading ended first
    );
  }
  try {
    for (;;) {
      signal.throwIfAborted();
      const wasLast = !changes || isWriterGone || isOver();
      const changed = changes?.next();
      for (let batch = await lines.next(); batch; batch = await lines.next()) {
        signal.throwIfAborted();
        for (const line of batch) {
          const entry = parser.parse(line);
          if (!entry || !isWanted(entry.stream)) continue;
          if (request.sinceNanos !== undefined && entry.timeNanos < request.sinceNanos) continue;
          if (request.untilNanos !== undefined && entry.timeNanos > request.untilNanos) return;
          yield entry;
        }
      }
      if (wasLast) return;
      await abortableWait(changed, signal);
    }
  } finally {
    timer.abort();
  }
}

async function abortableWait(
  changed: Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const aborted = deferred<void>();
  const onAbort = () => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([changed, aborted.promise]);
  signal.removeEventListener("abort", onAbort);
}

interface OpenFile extends AsyncDisposable {
  readonly handle: FileHandle;
}

/** Waits for the file when following a container that has not started yet. */
async function openWhenThere(
  path: string,
  changes: FileChanges | undefined,
  request: LogReadRequest,
  signal: AbortSignal,
): Promise<OpenFile | undefined> {
  let isWriterGone = false;
  void request.writerGone?.then(() => {
    isWriterGone = true;
    changes?.notify();
  });
  for (;;) {
    const changed = changes?.next();
    const wasGone = isWriterGone || request.writerGone === undefined;
    try {
      const handle = await open(path, "r");
      return { handle, [Symbol.asyncDispose]: () => handle.close() };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    if (!changes || wasGone || signal.aborted) return undefined;
    await abortableWait(changed, signal);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Tells of writes to a file by inotify on its folder, so that a file that comes later is seen too. */
class FileChanges implements Disposable {
  readonly #watcher: ReturnType<typeof watch> | undefined;
  #waiting = deferred<void>();

  constructor(path: string) {
    const name = path.slice(dirname(path).length + 1);
    try {
      this.#watcher = watch(dirname(path), (_event, changed) => {
        if (changed === null || changed === name) this.notify();
      });
      this.#watcher.on("error", () => this.notify());
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Resolves at the first change after this call. */
  next(): Promise<void> {
    return this.#waiting.promise;
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = deferred<void>();
    waiting.resolve();
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
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

  /** Lines without their newline, valid until the next call; undefined at the end of the file as it is now. */
  async next(): Promise<readonly Buffer[] | undefined> {
    const length = Math.min(CHUNK_BYTES, this.#end - this.#offset);
    if (length <= 0) return undefined;
    const { bytesRead } = await this.#file.read(this.#chunk, 0, length, this.#offset);
    if (bytesRead === 0) return undefined;
    this.#offset += bytesRead;
    const fresh = this.#chunk.subarray(0, bytesRead);
    const data = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, start)) {
      lines.push(data.subarray(start, at));
      start = at + 1;
    }
    const rest = data.subarray(start);
    this.#rest = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : Buffer.from(rest);
    return lines;
  }
}
