import { latin1Text } from "#base/bytes.ts";
import { UnreadableRequestError } from "./refusal.ts";

/** Longest line of the framing, in bytes. */
const LINE_MAX_BYTES = 4096;
/** What framing may cost beside the body: extensions and tiny chunks. Go's bound. */
const WASTE_MAX_BYTES = 16 * 1024;
const FREE_PER_CHUNK_BYTES = 16;
const TRAILERS_MAX_BYTES = 64 * 1024;
/** Thirteen digits are less than 2^53. */
const SIZE_LINE = /^([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;
const LF = 10;

export interface Decoded {
  /** The body's bytes, parts of what was given. */
  readonly pieces: readonly Uint8Array[];
  /** Where in the bytes given the body has ended; undefined while it has not. */
  readonly end: number | undefined;
}

/**
 * Takes a chunked body out of its framing, however the bytes are cut. Trailers are read and dropped.
 *
 * @see RFC 9112, section 7.1.
 */
export class ChunkedDecoder {
  #state: "size" | "data" | "data-end" | "trailers" = "size";
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  /** Beginning of a line whose end has not come. */
  #line = "";
  #wasteBytes = 0;
  #trailerBytes = 0;

  /** @throws {UnreadableRequestError} In the words of Go's reader. */
  decode(bytes: Uint8Array): Decoded {
    const pieces: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === "data") {
        const end = Math.min(at + this.#left, bytes.length);
        pieces.push(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      const lineEnd = bytes.indexOf(LF, at);
      this.#line += latin1Text(bytes, at, lineEnd < 0 ? bytes.length : lineEnd);
      if (this.#line.length > LINE_MAX_BYTES)
        throw new UnreadableRequestError("header line too long");
      if (lineEnd < 0) break;
      at = lineEnd + 1;
      const line = this.#line;
      this.#line = "";
      if (!line.endsWith("\r")) throw new UnreadableRequestError("malformed chunked encoding");
      if (this.#takeLine(line.slice(0, -1))) return { pieces, end: at };
    }
    return { pieces, end: undefined };
  }

  /** @returns Whether the body has ended. */
  #takeLine(line: string): boolean {
    switch (this.#state) {
      case "size":
        this.#takeSize(line);
        return false;
      case "trailers":
        return this.#takeTrailer(line);
      default:
        if (line !== "") throw new UnreadableRequestError("malformed chunked encoding");
        this.#state = "size";
        return false;
    }
  }

  #takeSize(line: string): void {
    const digits = SIZE_LINE.exec(line)?.[1];
    if (digits === undefined) throw new UnreadableRequestError("invalid byte in chunk length");
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? "trailers" : "data";
    const waste = this.#wasteBytes + line.length + 2 - FREE_PER_CHUNK_BYTES - 2 * this.#left;
    this.#wasteBytes = Math.max(0, waste);
    if (this.#wasteBytes > WASTE_MAX_BYTES) {
      throw new UnreadableRequestError("chunked encoding contains too much non-data");
    }
  }

  #takeTrailer(line: string): boolean {
    if (line === "") return true;
    this.#trailerBytes += line.length;
    if (!TRAILER_LINE.test(line) || this.#trailerBytes > TRAILERS_MAX_BYTES) {
      throw new UnreadableRequestError("malformed trailer");
    }
    return false;
  }
}
