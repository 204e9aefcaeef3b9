/**
 * Reads conmon's `k8s-file` format (conmon, src/ctr_logging.c):
 *
 *     2026-11-22T02:25:00.123456789+00:00 stdout F the line
 *
 * `P` marks a part whose line goes on in the next entry of the stream, `F` its end. conmon cuts wherever one
 * of its reads of 8 KiB ended; the parts are joined here, and lines are cut at 16 KiB as Docker does,
 * but never within a UTF-8 sequence.
 */
const NEWLINE = 0x0a;
const SPACE = 0x20;
const DOT = 0x2e;
const PARTIAL = 0x50;
const FULL = 0x46;
const TIME_BYTES = 35;
const HEAD_BYTES = 45;
const MAX_PIECE_BYTES = 16 * 1024;
/** Beyond this a line is no line of conmon's: it is dropped rather than gathered. */
const MAX_LINE_BYTES = 64 * 1024;

/** A line, or a piece of a long one, within buffers that are valid during the call only. */
export interface SpoolLine {
  isError: boolean;
  /** Holds 35 bytes of time at `timeAt`, as conmon writes it. */
  time: Buffer;
  timeAt: number;
  /** Holds the content from `from` up to `to`, without the newline. */
  bytes: Buffer;
  from: number;
  to: number;
  /** The line goes on. */
  isPartial: boolean;
}

/** What of a line is not complete yet. */
interface Pending {
  readonly time: Buffer;
  readonly bytes: Buffer;
  length: number;
  isOpen: boolean;
}

/** A parser's state, to go on from in another daemon. */
export interface ParserState {
  readonly stdout?: PendingState;
  readonly stderr?: PendingState;
}

interface PendingState {
  readonly time: string;
  /** Base64. */
  readonly bytes: string;
}

export class SpoolParser {
  readonly #visit: (line: SpoolLine) => void;
  readonly #pending: Record<"stdout" | "stderr", Pending | undefined> = {
    stdout: undefined,
    stderr: undefined,
  };
  readonly #line: SpoolLine;
  #rest: Buffer = Buffer.alloc(0);

  constructor(visit: (line: SpoolLine) => void, state: ParserState = {}) {
    this.#visit = visit;
    const empty = Buffer.alloc(0);
    this.#line = {
      isError: false,
      time: empty,
      timeAt: 0,
      bytes: empty,
      from: 0,
      to: 0,
      isPartial: false,
    };
    for (const stream of ["stdout", "stderr"] as const) {
      const kept = state[stream];
      if (kept) this.#resume(stream, kept);
    }
  }

  /** Bytes at the end of what was pushed that belong to no complete line yet. */
  get restBytes(): number {
    return this.#rest.length;
  }

  get state(): ParserState {
    const { stdout, stderr } = this.#pending;
    return {
      ...(stdout?.isOpen ? { stdout: stateOf(stdout) } : {}),
      ...(stderr?.isOpen ? { stderr: stateOf(stderr) } : {}),
    };
  }

  push(chunk: Buffer): void {
    let start = 0;
    if (this.#rest.length > 0) {
      start = chunk.indexOf(NEWLINE) + 1;
      if (start === 0) return this.#keepRest(Buffer.concat([this.#rest, chunk]));
      const line = Buffer.concat([this.#rest, chunk.subarray(0, start)]);
      this.#parse(line, 0, line.length - 1);
    }
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#parse(chunk, start, end);
      start = end + 1;
    }
    this.#keepRest(Buffer.from(chunk.subarray(start)));
  }

  #keepRest(rest: Buffer): void {
    this.#rest = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : rest;
  }

  /** What follows is another file: a line that a full disk cut off has no end. */
  endFile(): void {
    this.#rest = Buffer.alloc(0);
  }

  /** The run is over: what has no newline yet is a line too. */
  end(): void {
    this.endFile();
    for (const stream of ["stdout", "stderr"] as const) {
      const pending = this.#pending[stream];
      // Docker keeps such a line without a newline, and so as partial
      if (pending?.isOpen && pending.length > 0)
        this.#emitPending(stream, pending, pending.length, true);
      if (pending) pending.isOpen = false;
    }
  }

  #parse(data: Buffer, lineStart: number, end: number): void {
    const start = headAt(data, lineStart, end);
    if (start < 0) return;
    const tag = data[start + 43];
    const isError = data[start + 39] === 0x65;
    const pending = this.#pending[isError ? "stderr" : "stdout"];
    const from = start + HEAD_BYTES;
    if (tag === FULL && !pending?.isOpen && end - from < MAX_PIECE_BYTES) {
      const line = this.#line;
      line.isError = isError;
      line.time = data;
      line.timeAt = start;
      line.bytes = data;
      line.from = from;
      line.to = end;
      line.isPartial = false;
      this.#visit(line);
      return;
    }
    this.#join(isError ? "stderr" : "stdout", data, start, end, tag === PARTIAL);
  }

  #join(
    stream: "stdout" | "stderr",
    data: Buffer,
    start: number,
    end: number,
    isPartial: boolean,
  ): void {
    const pending = (this.#pending[stream] ??= {
      time: Buffer.alloc(TIME_BYTES),
      bytes: Buffer.allocUnsafe(MAX_PIECE_BYTES),
      length: 0,
      isOpen: false,
    });
    if (!pending.isOpen) {
      data.copy(pending.time, 0, start, start + TIME_BYTES);
      pending.isOpen = true;
    }
    for (let at = start + HEAD_BYTES; at < end; ) {
      const room = MAX_PIECE_BYTES - pending.length;
      const copied = data.copy(pending.bytes, pending.length, at, Math.min(end, at + room));
      pending.length += copied;
      at += copied;
      if (pending.length < MAX_PIECE_BYTES) break;
      const cut = wholeLetters(pending.bytes, pending.length);
      this.#emitPending(stream, pending, cut, true);
      pending.bytes.copyWithin(0, cut, pending.length);
      pending.length -= cut;
      data.copy(pending.time, 0, start, start + TIME_BYTES);
    }
    if (isPartial) return;
    this.#emitPending(stream, pending, pending.length, false);
    pending.length = 0;
    pending.isOpen = false;
  }

  #emitPending(
    stream: "stdout" | "stderr",
    pending: Pending,
    to: number,
    isPartial: boolean,
  ): void {
    const line = this.#line;
    line.isError = stream === "stderr";
    line.time = pending.time;
    line.timeAt = 0;
    line.bytes = pending.bytes;
    line.from = 0;
    line.to = to;
    line.isPartial = isPartial;
    this.#visit(line);
  }

  #resume(stream: "stdout" | "stderr", kept: PendingState): void {
    const bytes = Buffer.allocUnsafe(MAX_PIECE_BYTES);
    const length = Buffer.from(kept.bytes, "base64").copy(bytes);
    const time = Buffer.alloc(TIME_BYTES);
    time.write(kept.time, "latin1");
    this.#pending[stream] = { time, bytes, length, isOpen: true };
  }
}

/**
 * Where a line's head begins: at its start, but behind a head that a full disk cut off. What was cut off
 * later in the line is taken for its beginning: a container may well print what looks like a head.
 *
 * @returns Below 0 where there is none.
 */
function headAt(data: Buffer, start: number, end: number): number {
  if (isHead(data, start, end)) return start;
  for (let at = start + 1; at < start + HEAD_BYTES; at++) if (isHead(data, at, end)) return at;
  return -1;
}

function isHead(data: Buffer, start: number, end: number): boolean {
  if (end - start < HEAD_BYTES || data[start + 19] !== DOT) return false;
  if (data[start + TIME_BYTES] !== SPACE || data[start + 42] !== SPACE) return false;
  const tag = data[start + 43];
  return data[start + 44] === SPACE && (tag === PARTIAL || tag === FULL);
}

function stateOf(pending: Pending): PendingState {
  return {
    time: pending.time.toString("latin1"),
    bytes: pending.bytes.toString("base64", 0, pending.length),
  };
}

/** The most bytes of `length`, but for at most three, that do not end within a UTF-8 sequence. */
function wholeLetters(bytes: Buffer, length: number): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return length;
    if (byte >= 0xc0) {
      const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return wanted > back ? length - back : length;
    }
  }
  return length;
}
