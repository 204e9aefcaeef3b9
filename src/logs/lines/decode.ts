import { tryParseRfc3339 } from "#base/rfc3339.ts";
import type { LogAttributes, LogEntry } from "#logs/logs.ts";

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const LETTER_E = 0x65;
const ZERO = 0x30;
const BEGIN = Buffer.from('{"log":"');
const STREAM = Buffer.from('","stream":"std');
/** Up to the comma behind `stdout` and `stderr`. */
const STREAM_BYTES = STREAM.length + 4;
const TIME = Buffer.from('"time":"');
const ATTRS = Buffer.from('"attrs":');
const SECOND_BYTES = 19;
/** Digits of a time with nanoseconds, a Z and `"}`. */
const MAX_TIME_BYTES = 32;

const UNESCAPED: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, f: 0x0c };

/** Reads the lines that `encode.ts` writes; what is none of them (a line cut off by a crash) is passed over. */
export class JsonLineDecoder {
  #second: Buffer = Buffer.alloc(SECOND_BYTES);
  #secondNanos = 0n;
  #attributesText: Buffer = Buffer.alloc(0);
  #attributes: LogAttributes | undefined;

  /**
   * @param lines Whole lines.
   * @param onEntry The entry's bytes are its own. False ends the reading.
   */
  decode(
    lines: Buffer,
    onEntry: (entry: LogEntry) => boolean,
    isWanted: (stream: "stdout" | "stderr") => boolean,
  ): boolean {
    // Content is never longer than its JSON: one buffer holds that of all lines.
    const out = Buffer.allocUnsafe(lines.length);
    let used = 0;
    for (let start = 0; start < lines.length; ) {
      const newline = lines.indexOf(NEWLINE, start);
      const end = newline < 0 ? lines.length : newline;
      const stop = used;
      const close = this.#text(lines, start, end, out, used);
      if (close > 0) {
        used = this.#textEnd;
        const stream = lines[close + STREAM.length] === LETTER_E ? "stderr" : "stdout";
        const timeNanos = this.timeOf(lines, start, end);
        if (timeNanos !== undefined && isWanted(stream)) {
          const entry: LogEntry = {
            stream,
            timeNanos,
            bytes: out.subarray(stop, used),
            isPartial: out[used - 1] !== NEWLINE,
            ...this.#attributesOf(lines, close + STREAM_BYTES, end),
          };
          if (!onEntry(entry)) return false;
        }
      }
      start = end + 1;
    }
    return true;
  }

  /** Time of the line from `start` up to its newline at `end`. */
  timeOf(lines: Buffer, start: number, end: number): bigint | undefined {
    // Within content a quote has a backslash in front: the last `"time":"` is the key.
    const from = lines.lastIndexOf(TIME, end - TIME.length);
    if (from < start || end - from - TIME.length > MAX_TIME_BYTES + 1) return undefined;
    const at = from + TIME.length;
    if (lines.compare(this.#second, 0, SECOND_BYTES, at, at + SECOND_BYTES) !== 0) {
      const nanos = tryParseRfc3339(`${lines.toString("latin1", at, at + SECOND_BYTES)}Z`);
      if (nanos === undefined) return undefined;
      lines.copy(this.#second, 0, at, at + SECOND_BYTES);
      this.#secondNanos = nanos;
    }
    let fraction = 0;
    let digits = 0;
    for (let i = at + SECOND_BYTES + 1; digits < 9; i++) {
      const digit = (lines[i] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      fraction = fraction * 10 + digit;
      digits++;
    }
    return this.#secondNanos + BigInt(fraction * 10 ** (9 - digits));
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
  #text(lines: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
    if (!startsWith(lines, start, BEGIN)) return 0;
    let at = outStart;
    let i = start + BEGIN.length;
    while (i < end) {
      const byte = lines[i] ?? 0;
      if (byte === QUOTE) {
        this.#textEnd = at;
        return startsWith(lines, i, STREAM) ? i : 0;
      }
      if (byte !== BACKSLASH) {
        out[at++] = byte;
        i++;
        continue;
      }
      const escape = lines[i + 1] ?? 0;
      if (escape === LETTER_U) {
        at += out.write(this.#letter(lines, i), at);
        i += this.#letterBytes;
      } else {
        out[at++] = UNESCAPED[String.fromCharCode(escape)] ?? escape;
        i += 2;
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

  #attributesOf(
    lines: Buffer,
    comma: number,
    end: number,
  ): { readonly attributes?: LogAttributes } {
    if (!startsWith(lines, comma + 1, ATTRS)) return {};
    const from = comma + 1 + ATTRS.length;
    const to = lines.lastIndexOf(TIME, end) - 1;
    if (to <= from) return {};
    const text = lines.subarray(from, to);
    if (!text.equals(this.#attributesText)) {
      this.#attributesText = Buffer.from(text);
      this.#attributes = tryParseAttributes(text.toString());
    }
    return this.#attributes ? { attributes: this.#attributes } : {};
  }
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
