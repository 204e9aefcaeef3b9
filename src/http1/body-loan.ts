import { ChunkedDecoder, type ChunkedState } from "./chunked-decoder.ts";

/** What has not come yet of a body, as plain data. */
export type BodyRest =
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked"; readonly state: ChunkedState };

/** The rest of a body, for another process to read from the connection itself. */
export interface BodyLoan {
  /** Of the connection; the lender's, and not blocking. */
  readonly descriptor: number;
  readonly rest: BodyRest;
  /**
   * The body has been read to its end, and nothing beyond it: the connection serves the next request. It ends with the
   * answer where this was not called, as nobody knows then where the next request begins.
   */
  giveBack(): void;
}

/** Bytes that come while they are read, from a connection that may be lent. */
export interface LendableBytes extends AsyncIterable<Uint8Array> {
  /**
   * Reads no more from the connection. What has come until then is iterated as ever, then the iteration ends.
   *
   * @returns Undefined where all has come, or the connection's bytes are not those of the body (TLS).
   */
  lend?(): Promise<BodyLoan | undefined>;
}

/** Reads the rest of a body without ever taking a byte of what follows it on its connection. */
export class BodyRestReader {
  #leftBytes: number;
  readonly #decoder: ChunkedDecoder | undefined;

  constructor(rest: BodyRest) {
    this.#leftBytes = rest.kind === "length" ? rest.bytes : 1;
    this.#decoder = rest.kind === "chunked" ? new ChunkedDecoder(rest.state) : undefined;
  }

  /** So many bytes may be read at once: as many as are to come at least; 0 at the end. */
  get mayReadBytes(): number {
    if (this.#leftBytes === 0) return 0;
    return this.#decoder?.leastLeftBytes ?? this.#leftBytes;
  }

  /**
   * @param bytes At most `mayReadBytes`.
   * @returns The body's, parts of what was given.
   * @throws {UnreadableRequestError} The framing is damaged.
   */
  take(bytes: Uint8Array): readonly Uint8Array[] {
    if (!this.#decoder) {
      this.#leftBytes -= bytes.byteLength;
      return [bytes];
    }
    const { pieces, end } = this.#decoder.decode(bytes);
    if (end !== undefined) this.#leftBytes = 0;
    return pieces;
  }
}
