import { formatRfc3339, tryParseRfc3339 } from "#base/rfc3339.ts";
import type { LogAttributes } from "#logs/logs.ts";
import type { SpoolLine } from "#logs/spool/parse.ts";

const HEX = Buffer.from("0123456789abcdef");
const BEGIN = Buffer.from('{"log":"');
const END_OF_LINE = Buffer.from("\\n");
const STREAMS = { stdout: '","stream":"stdout",', stderr: '","stream":"stderr",' } as const;
const TIME = Buffer.from('"time":"');
const END = Buffer.from('Z"}\n');
const REPLACEMENT = Buffer.from("\\ufffd");
/** Of one byte of content at most six are made. */
const GROWTH = 6;
const FIRST_BYTES = 64 * 1024;
const TIME_BYTES = 35;

const BACKSLASH = 0x5c;
const LETTER_N = 0x6e;
const LETTER_R = 0x72;
const LETTER_U = 0x75;
const ZERO = 0x30;

/** 1 where a byte stands for itself in a JSON string as Docker writes it: `<`, `>` and `&` do not. */
const IS_PLAIN = new Uint8Array(256);
for (let code = 0x20; code < 0x80; code++) IS_PLAIN[code] = 1;
for (const letter of '"\\<>&') IS_PLAIN[letter.charCodeAt(0)] = 0;

/**
 * Writes Docker's JSON lines, byte for byte as the `json-file` driver of Moby does
 * (daemon/logger/jsonfilelog/jsonlog): keys in this order, HTML's letters escaped, what is no UTF-8 as U+FFFD.
 *
 *     {"log":"text\n","stream":"stdout","attrs":{"a":"1"},"time":"2026-11-22T02:25:00.1234Z"}
 */
export class JsonLineEncoder {
  readonly #afterOutput: Buffer;
  readonly #afterError: Buffer;
  #out: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  constructor(attributes: LogAttributes) {
    const names = Object.keys(attributes).sort();
    const pairs = Object.fromEntries(names.map((name) => [name, attributes[name]]));
    const attrs = names.length === 0 ? "" : `"attrs":${escapeHtml(JSON.stringify(pairs))},`;
    this.#afterOutput = Buffer.from(STREAMS.stdout + attrs);
    this.#afterError = Buffer.from(STREAMS.stderr + attrs);
  }

  get sizeBytes(): number {
    return this.#length;
  }

  add(line: SpoolLine): void {
    this.#reserve((line.to - line.from) * GROWTH + this.#afterError.length + 128);
    this.#put(BEGIN);
    this.#text(line.bytes, line.from, line.to);
    if (!line.isPartial) this.#put(END_OF_LINE);
    this.#put(line.isError ? this.#afterError : this.#afterOutput);
    this.#put(TIME);
    this.#time(line.time, line.timeAt);
    this.#put(END);
  }

  /** What was added since the last call; valid until the next `add`. */
  take(): Buffer {
    const taken = this.#out.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Lets go of the memory that a busy time took; what `take` returned is no longer valid. */
  shrink(): void {
    if (this.#length === 0 && this.#out.length > FIRST_BYTES) {
      this.#out = Buffer.allocUnsafe(FIRST_BYTES);
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#length + bytes));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }

  #put(bytes: Buffer): void {
    const out = this.#out;
    let at = this.#length;
    for (let i = 0; i < bytes.length; i++) out[at++] = bytes[i] ?? 0;
    this.#length = at;
  }

  #text(bytes: Buffer, from: number, to: number): void {
    const out = this.#out;
    let at = this.#length;
    for (let i = from; i < to; ) {
      const byte = bytes[i] ?? 0;
      if (IS_PLAIN[byte] === 1) {
        out[at++] = byte;
        i++;
      } else if (byte < 0x80) {
        at = putEscape(out, at, byte);
        i++;
      } else {
        const size = sequenceBytes(bytes, i, to);
        if (size === 0) {
          at += REPLACEMENT.copy(out, at);
          i++;
        } else if (
          size === 3 &&
          byte === 0xe2 &&
          bytes[i + 1] === 0x80 &&
          ((bytes[i + 2] ?? 0) & 0xfe) === 0xa8
        ) {
          at += out.write(bytes[i + 2] === 0xa8 ? "\\u2028" : "\\u2029", at, "latin1");
          i += 3;
        } else {
          for (let end = i + size; i < end; i++) out[at++] = bytes[i] ?? 0;
        }
      }
    }
    this.#length = at;
  }

  /** `2026-11-22T02:25:00.120000000+00:00` as `2026-11-22T02:25:00.12`, without the Z. */
  #time(time: Buffer, from: number): void {
    const isUtc =
      time[from + 30] === ZERO &&
      time[from + 31] === ZERO &&
      time[from + 33] === ZERO &&
      time[from + 34] === ZERO;
    if (!isUtc) {
      const nanos = tryParseRfc3339(time.toString("latin1", from, from + TIME_BYTES)) ?? 0n;
      this.#length += this.#out.write(formatRfc3339(nanos).slice(0, -1), this.#length, "latin1");
      return;
    }
    let end = from + 29;
    while (time[end - 1] === ZERO && end > from + 20) end--;
    if (end === from + 20) end--;
    const out = this.#out;
    let at = this.#length;
    for (let i = from; i < end; i++) out[at++] = time[i] ?? 0;
    this.#length = at;
  }
}

function putEscape(out: Buffer, start: number, byte: number): number {
  let at = start;
  out[at++] = BACKSLASH;
  if (byte === 0x22 || byte === BACKSLASH) out[at++] = byte;
  else if (byte === 0x0a) out[at++] = LETTER_N;
  else if (byte === 0x0d) out[at++] = LETTER_R;
  else {
    out[at++] = LETTER_U;
    out[at++] = ZERO;
    out[at++] = ZERO;
    out[at++] = HEX[byte >> 4] ?? 0;
    out[at++] = HEX[byte & 0xf] ?? 0;
  }
  return at;
}

/** Length of the UTF-8 sequence at `at`; 0 where there is none that is valid (RFC 3629). */
function sequenceBytes(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at] ?? 0;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > end) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return size;
}

/** As Go's encoding/json. */
function escapeHtml(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
