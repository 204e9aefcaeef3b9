import { tryParseRfc3339 } from "#base/rfc3339.ts";
import type { LogAttributes, LogBatch, LogEntry, LogReadRequest } from "#logs/logs.ts";

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const LETTER_E = 0x65;
const LETTER_Z = 0x5a;
const CLOSING_BRACE = 0x7d;
const DOT = 0x2e;
const ZERO = 0x30;
const BEGIN = Buffer.from('{"log":"');
const STREAM = Buffer.from('","stream":"std');
/** Up to the comma behind `stdout` and `stderr`. */
const STREAM_BYTES = STREAM.length + 4;
const TIME = Buffer.from('"time":"');
const ATTRS = Buffer.from('"attrs":');
const SECOND_BYTES = 19;
const FRACTION_DIGITS = 9;

/** What a letter behind a backslash stands for. */
const UNESCAPED = new Uint8Array(256);
for (let code = 0; code < 256; code++) UNESCAPED[code] = code;
for (const [letter, code] of Object.entries({ n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, f: 0x0c })) {
  UNESCAPED[letter.charCodeAt(0)] = code;
}

/** Which entries are wanted. */
export type LineSelection = Pick<LogReadRequest, "stdout" | "stderr" | "sinceNanos" | "untilNanos">;

interface Columns extends LogBatch {
  count: number;
  content: Buffer;
  readonly ends: number[];
  readonly streams: LogEntry["stream"][];
  readonly secondsNanos: bigint[];
  readonly fractionsNanos: number[];
  readonly attributes: (LogAttributes | undefined)[];
}

/**
 * Reads the lines that `encode.ts` writes; what is none of them (a line cut off by a crash) is passed over. Byte by
 * byte: a call into the runtime for each line, or a view of its bytes, costs as much as its hundred bytes.
 */
export class JsonLineDecoder {
  readonly #second: Buffer = Buffer.alloc(SECOND_BYTES);
  #secondNanos = 0n;
  #fractionNanos = 0;
  #attributesText: Buffer = Buffer.alloc(0);
  #attributes: LogAttributes | undefined;

  /**
   * @param lines Whole lines.
   * @returns The entries' bytes are their own. `isAtEnd`: one was later than wanted, and so is all that follows.
   */
  decode(
    lines: Buffer,
    selection: LineSelection,
  ): { readonly batch: LogBatch; readonly isAtEnd: boolean } {
    const { sinceNanos, untilNanos } = selection;
    const isTimed = sinceNanos !== undefined || untilNanos !== undefined;
    // Content is never longer than its JSON: one buffer holds that of all lines.
    const batch = emptyColumns(Buffer.allocUnsafe(lines.length));
    let used = 0;
    let isAtEnd = false;
    for (let start = 0; start < lines.length && !isAtEnd; ) {
      const close = this.#text(lines, start, batch.content, used);
      const timeAt = close > 0 ? timePlace(lines, close + STREAM_BYTES + 1) : 0;
      const end = timeAt > 0 ? this.#time(lines, timeAt) : 0;
      if (end > 0) {
        const stream = lines[close + STREAM.length] === LETTER_E ? "stderr" : "stdout";
        const time = isTimed ? this.#secondNanos + BigInt(this.#fractionNanos) : 0n;
        const isWanted = selection[stream];
        isAtEnd = isWanted && untilNanos !== undefined && time > untilNanos;
        if (isWanted && !isAtEnd && (sinceNanos === undefined || time >= sinceNanos)) {
          used = this.#textEnd;
          batch.count++;
          batch.ends.push(used);
          batch.streams.push(stream);
          batch.secondsNanos.push(this.#secondNanos);
          batch.fractionsNanos.push(this.#fractionNanos);
          batch.attributes.push(this.#attributesOf(lines, close + STREAM_BYTES + 1, timeAt));
        }
        start = end;
      } else {
        const newline = lines.indexOf(NEWLINE, start);
        start = newline < 0 ? lines.length : newline + 1;
      }
    }
    batch.content = batch.content.subarray(0, used);
    return { batch, isAtEnd };
  }

  /** Time of the line from `start` up to its newline at `end`. */
  timeOf(lines: Buffer, start: number, end: number): bigint | undefined {
    // Within content a quote has a backslash in front: the last `"time":"` is the key.
    const from = lines.lastIndexOf(TIME, end - TIME.length);
    if (from < start || this.#time(lines, from + TIME.length) === 0) return undefined;
    return this.#secondNanos + BigInt(this.#fractionNanos);
  }

  /** Reads the time at `at`. @returns Where the next line begins; 0 where the line does not end behind its time. */
  #time(lines: Buffer, at: number): number {
    if (!this.#isSameSecond(lines, at)) {
      const nanos = tryParseRfc3339(`${lines.toString("latin1", at, at + SECOND_BYTES)}Z`);
      if (nanos === undefined) return 0;
      lines.copy(this.#second, 0, at, at + SECOND_BYTES);
      this.#secondNanos = nanos;
    }
    let i = at + SECOND_BYTES;
    let fraction = 0;
    let digits = 0;
    if (lines[i] === DOT) {
      for (i++; digits < FRACTION_DIGITS; i++) {
        const digit = (lines[i] ?? 0) - ZERO;
        if (digit < 0 || digit > 9) break;
        fraction = fraction * 10 + digit;
        digits++;
      }
    }
    for (; digits < FRACTION_DIGITS; digits++) fraction *= 10;
    this.#fractionNanos = fraction;
    const isEnd = lines[i] === LETTER_Z && lines[i + 1] === QUOTE && lines[i + 2] === CLOSING_BRACE;
    // the last line that a writer was cut off in may lack its newline
    return isEnd && (lines[i + 3] ?? NEWLINE) === NEWLINE ? i + 4 : 0;
  }

  /** Most lines share their second with the line before. */
  #isSameSecond(lines: Buffer, at: number): boolean {
    const second = this.#second;
    for (let i = SECOND_BYTES - 1; i >= 0; i--) if (second[i] !== lines[at + i]) return false;
    return true;
  }

  /** Whether the line is an entry of a stream that is wanted, and whether that ends a line of the container's. */
  kindOf(
    lines: Buffer,
    start: number,
    end: number,
  ): { readonly stream: "stdout" | "stderr"; readonly isPartial: boolean } | undefined {
    const close = lines.indexOf(STREAM, start);
    if (close < 0 || close > end || !startsWith(lines, start, BEGIN)) return undefined;
    return {
      stream: lines[close + STREAM.length] === LETTER_E ? "stderr" : "stdout",
      isPartial: !endsInNewline(lines, start + BEGIN.length, close),
    };
  }

  #textEnd = 0;

  /** @returns Where the content's closing quote is; 0 for what is no entry. */
  #text(lines: Buffer, start: number, out: Buffer, outStart: number): number {
    if (!startsWith(lines, start, BEGIN)) return 0;
    let at = outStart;
    const { length } = lines;
    for (let i = start + BEGIN.length; i < length; ) {
      const byte = lines[i] ?? 0;
      if (byte === BACKSLASH) {
        const escape = lines[i + 1] ?? 0;
        if (escape === LETTER_U) {
          at += out.write(this.#letter(lines, i), at);
          i += this.#letterBytes;
        } else {
          out[at++] = UNESCAPED[escape] ?? escape;
          i += 2;
        }
      } else if (byte === QUOTE) {
        this.#textEnd = at;
        return startsWith(lines, i, STREAM) ? i : 0;
      } else if (byte === NEWLINE) {
        return 0;
      } else {
        out[at++] = byte;
        i++;
      }
    }
    return 0;
  }

  #letterBytes = 6;

  /** The letter of `\u0041`, or of two such in a row that make one beyond U+FFFF. */
  #letter(lines: Buffer, at: number): string {
    const first = Number.parseInt(lines.toString("latin1", at + 2, at + 6), 16);
    this.#letterBytes = 6;
    if (first < 0xd800 || first > 0xdbff || lines[at + 6] !== BACKSLASH) {
      return String.fromCharCode(first);
    }
    this.#letterBytes = 12;
    return String.fromCharCode(
      first,
      Number.parseInt(lines.toString("latin1", at + 8, at + 12), 16),
    );
  }

  /** @param from Behind the stream. */
  #attributesOf(lines: Buffer, from: number, timeAt: number): LogAttributes | undefined {
    const to = timeAt - TIME.length - 1;
    if (to <= from) return undefined;
    const text = lines.subarray(from + ATTRS.length, to);
    if (!text.equals(this.#attributesText)) {
      this.#attributesText = Buffer.from(text);
      this.#attributes = tryParseAttributes(text.toString());
    }
    return this.#attributes;
  }
}

function emptyColumns(content: Buffer): Columns {
  return {
    count: 0,
    content,
    ends: [],
    streams: [],
    secondsNanos: [],
    fractionsNanos: [],
    attributes: [],
  };
}

/**
 * Where the time of a line is.
 *
 * @param at Behind its stream: its attributes come first, where it has any.
 * @returns 0 where there is none.
 */
function timePlace(lines: Buffer, at: number): number {
  if (startsWith(lines, at, TIME)) return at + TIME.length;
  if (!startsWith(lines, at, ATTRS)) return 0;
  const newline = lines.indexOf(NEWLINE, at);
  const end = newline < 0 ? lines.length : newline;
  // Within attributes a quote has a backslash in front: the last `"time":"` is the key.
  const from = lines.lastIndexOf(TIME, end - TIME.length);
  return from < at ? 0 : from + TIME.length;
}

function tryParseAttributes(text: string): LogAttributes | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, String(item)]));
  } catch {
    return undefined; // a line that was cut off and goes on with another
  }
}

function startsWith(bytes: Buffer, at: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** Whether the JSON string that ends before `close` ends with `\n`, and not with `\\n`. */
function endsInNewline(bytes: Buffer, from: number, close: number): boolean {
  if (close - from < 2 || bytes[close - 1] !== 0x6e) return false;
  let backslashes = 0;
  while (close - 2 - backslashes >= from && bytes[close - 2 - backslashes] === BACKSLASH)
    backslashes++;
  return backslashes % 2 === 1;
}
