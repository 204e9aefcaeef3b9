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

/** Where a decoder stands, as plain data: another process can go on. */
export interface ChunkedState {
  readonly at: "size" | "data" | "data-end" | "trailers";
  readonly leftBytes: number;
  readonly line: string;
  readonly wasteBytes: number;
  readonly trailerBytes: number;
}

const BEGIN: ChunkedState = { at: "size", leftBytes: 0, line: "", wasteBytes: 0, trailerBytes: 0 };
const CRLF_BYTES = 2;
/** The last chunk and the end of no trailers: `0`, two line ends. */
const LEAST_END_BYTES = 5;

/**
 * Takes a chunked body out of its framing, however the bytes are cut. Trailers are read and dropped.
 *
 * @see RFC 9112, section 7.1.
 */
export class ChunkedDecoder {
  #state: ChunkedState["at"];
  /** Bytes of the chunk that are still to come. */
  #left: number;
  /** Beginning of a line whose end has not come. */
  #line: string;
  #wasteBytes: number;
  #trailerBytes: number;

  constructor(state: ChunkedState = BEGIN) {
    this.#state = state.at;
    this.#left = state.leftBytes;
    this.#line = state.line;
    this.#wasteBytes = state.wasteBytes;
    this.#trailerBytes = state.trailerBytes;
  }

  get state(): ChunkedState {
    return {
      at: this.#state,
      leftBytes: this.#left,
      line: this.#line,
      wasteBytes: this.#wasteBytes,
      trailerBytes: this.#trailerBytes,
    };
  }

  /**
   * As many bytes are to come until the body's end, or more: who reads no more than that takes none of what follows it.
   * It reaches beyond a chunk's data into the next size, so that one read a chunk is enough.
   */
  get leastLeftBytes(): number {
    const lineEndBytes = this.#line.endsWith("\r") ? 1 : CRLF_BYTES;
    switch (this.#state) {
      case "size":
        return leastAfterSize(this.#line, lineEndBytes);
      case "data":
        return this.#left + CRLF_BYTES + LEAST_END_BYTES;
      case "data-end":
        return lineEndBytes + LEAST_END_BYTES;
      case "trailers":
        return this.#line === "" || this.#line === "\r" ? lineEndBytes : lineEndBytes + CRLF_BYTES;
    }
  }

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

/** @param line What has come of a line with a size; further digits only make that larger. */
function leastAfterSize(line: string, lineEndBytes: number): number {
  const digits = /^[0-9A-Fa-f]{1,13}/.exec(line)?.[0];
  if (digits === undefined) return LEAST_END_BYTES;
  const sizeBytes = Number.parseInt(digits, 16);
  if (sizeBytes === 0) return lineEndBytes + CRLF_BYTES;
  return lineEndBytes + sizeBytes + CRLF_BYTES + LEAST_END_BYTES;
}
