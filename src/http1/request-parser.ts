import type { BodyRest } from "./body-loan.ts";
import { type BodyFraming, bodyFraming } from "./body-framing.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { UnreadableRequestError } from "./refusal.ts";
import { parseRequestHead, type RequestHead } from "./request-head.ts";

export type ParserEvent =
  | { readonly kind: "head"; readonly head: RequestHead; readonly framing: BodyFraming }
  /** Never empty. */
  | { readonly kind: "body"; readonly pieces: readonly Uint8Array[] }
  /** After the body; not where the framing is "none". */
  | { readonly kind: "end" };

type State =
  | { readonly kind: "head" }
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunked"; readonly decoder: ChunkedDecoder }
  | { readonly kind: "ending" };

const NOTHING: Buffer = Buffer.alloc(0);
const HEAD: State = { kind: "head" };
const ENDING: State = { kind: "ending" };
const END: ParserEvent = { kind: "end" };
/** Of a head that is kept to know it again, one a connection. */
const REMEMBERED_MAX_LENGTH = 1024;
const HEAD_END = "\r\n\r\n";
const CR = 13;
const LF = 10;

/**
 * The requests of one connection, out of its bytes. Bytes are pushed as they come, events are pulled one at a time: who
 * does not pull leaves the bytes that follow alone, be they the next request or another protocol.
 */
export class RequestParser {
  readonly #maxHeadBytes: number;
  #state: State = HEAD;
  #bytes: Buffer = NOTHING;
  #last: { readonly text: string; readonly head: RequestHead } | undefined;
  /** So many of `#bytes` hold no end of a head. */
  #searched = 0;

  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Bytes that wait to be pulled. */
  get waitingBytes(): number {
    return this.#bytes.length;
  }

  /** What is to come of a body; undefined where none is, or some of it waits to be pulled. */
  get bodyRest(): BodyRest | undefined {
    const state = this.#state;
    if (this.#bytes.length > 0) return undefined;
    if (state.kind === "length") return { kind: "length", bytes: state.left };
    return state.kind === "chunked" ? { kind: "chunked", state: state.decoder.state } : undefined;
  }

  /** Somebody else has read the rest of the body: a head is next. */
  skipBody(): void {
    this.#state = HEAD;
  }

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
  }

  /**
   * @returns Undefined where more bytes are needed.
   * @throws {UnreadableRequestError} Nothing can be pulled after that.
   */
  next(): ParserEvent | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "head":
        return this.#nextHead();
      case "length":
        return this.#nextOfLength(state);
      case "chunked":
        return this.#nextChunks(state.decoder);
      case "ending":
        this.#state = HEAD;
        return END;
    }
  }

  /** What has not been pulled; it is the parser's no more. */
  takeRest(): Buffer {
    const rest = this.#bytes;
    this.#bytes = NOTHING;
    return rest;
  }

  #nextHead(): ParserEvent | undefined {
    let begin = 0;
    // RFC 9112, section 2.2: empty lines before a request are to be ignored
    while (this.#bytes[begin] === CR && this.#bytes[begin + 1] === LF) begin += 2;
    if (begin > 0) {
      this.#bytes = this.#bytes.subarray(begin);
      this.#searched = 0;
    }
    const end = this.#bytes.indexOf(HEAD_END, this.#searched, "latin1");
    if ((end < 0 ? this.#bytes.length : end) > this.#maxHeadBytes) {
      throw new UnreadableRequestError("the head is too large", { status: 431 });
    }
    if (end < 0) {
      this.#refuseBareLineEnd();
      this.#searched = Math.max(0, this.#bytes.length - HEAD_END.length + 1);
      return undefined;
    }
    const head = this.#headOf(this.#bytes.toString("latin1", 0, end));
    this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
    this.#searched = 0;
    const framing = bodyFraming(head);
    if (framing.kind === "length") this.#state = { kind: "length", left: framing.bytes };
    if (framing.kind === "chunked") {
      this.#state = { kind: "chunked", decoder: new ChunkedDecoder() };
    }
    return { kind: "head", head, framing };
  }

  /** A client that asks again and again sends the same head. */
  #headOf(text: string): RequestHead {
    if (this.#last?.text === text) return this.#last.head;
    const head = parseRequestHead(text);
    this.#last = text.length > REMEMBERED_MAX_LENGTH ? undefined : { text, head };
    return head;
  }

  /** Who ends lines by LF alone would wait for ever: such a head never ends. */
  #refuseBareLineEnd(): void {
    let at = this.#bytes.indexOf(LF, Math.max(0, this.#searched));
    for (; at >= 0; at = this.#bytes.indexOf(LF, at + 1)) {
      if (this.#bytes[at - 1] !== CR) throw new UnreadableRequestError("a line ends without CR");
    }
  }

  #nextOfLength(state: { left: number }): ParserEvent | undefined {
    if (this.#bytes.length === 0) return undefined;
    const piece = this.#bytes.subarray(0, state.left);
    this.#bytes = this.#bytes.subarray(piece.length);
    state.left -= piece.length;
    if (state.left === 0) this.#state = ENDING;
    return { kind: "body", pieces: [piece] };
  }

  #nextChunks(decoder: ChunkedDecoder): ParserEvent | undefined {
    if (this.#bytes.length === 0) return undefined;
    const { pieces, end } = decoder.decode(this.#bytes);
    this.#bytes = end === undefined ? NOTHING : this.#bytes.subarray(end);
    if (end !== undefined) this.#state = ENDING;
    if (pieces.length > 0) return { kind: "body", pieces };
    return end === undefined ? undefined : this.next();
  }
}
