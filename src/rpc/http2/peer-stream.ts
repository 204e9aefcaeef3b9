import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import type { HeaderField } from "./hpack.ts";

/** What a stream needs of its connection. */
export interface StreamOwner {
  sendFields(id: number, fields: readonly HeaderField[], isLast: boolean): void;
  /** Waits for the windows. */
  sendData(stream: PeerStream, bytes: Uint8Array): Promise<void>;
  sendEnd(id: number): void;
  sendReset(id: number, code: number): void;
  /** So many bytes of the connection were read, or dropped: as many more may come. */
  consumed(bytes: number): void;
  /** The other side may send so many more on this stream. */
  sendWindowUpdate(id: number, bytes: number): void;
  forget(id: number): void;
}

/** `NO_ERROR` and `CANCEL` of RFC 9113, section 7. */
const NO_ERROR = 0;
export const CANCEL = 8;
/** What a stream may send us before we have read it. */
export const STREAM_WINDOW_BYTES: number = 1024 * 1024;

/** One stream of a connection: fields, bytes and an end, in both directions. */
export class PeerStream {
  readonly id: number;
  /** Bytes that we may send. */
  sendWindow: number;
  readonly #owner: StreamOwner;
  /** What has come in headers and trailers, in order. */
  readonly fields: HeaderField[] = [];
  readonly #chunks: { readonly bytes: Uint8Array; readonly weight: number }[] = [];
  /** What we may be sent yet. */
  #receiveWindow = STREAM_WINDOW_BYTES;
  #unreportedBytes = 0;
  #hasPeerEnded = false;
  #haveWeEnded = false;
  #failure: Error | undefined;
  #wake = Promise.withResolvers<void>();
  readonly #over = new AbortController();

  constructor(id: number, owner: StreamOwner, sendWindow: number) {
    this.id = id;
    this.#owner = owner;
    this.sendWindow = sendWindow;
  }

  /** Aborts when the stream is cut off. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** @throws Why it was cut off. */
  throwIfOver(): void {
    if (this.#failure) throw this.#failure;
    if (this.#haveWeEnded) throw new CancelledError("The call has ended");
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.throwIfOver();
    await this.#owner.sendData(this, bytes);
  }

  sendFields(fields: readonly HeaderField[], isLast: boolean): void {
    if (this.#failure || this.#haveWeEnded) return;
    this.#owner.sendFields(this.id, fields, isLast);
    if (isLast) this.#endOurs();
  }

  end(): void {
    if (this.#failure || this.#haveWeEnded) return;
    this.#owner.sendEnd(this.id);
    this.#endOurs();
  }

  /** Gives the stream up, where it has not ended both ways; what is unread is dropped. */
  reset(code: number = CANCEL): void {
    this.#drop();
    if (this.#failure || (this.#hasPeerEnded && this.#haveWeEnded)) return;
    this.#owner.sendReset(this.id, code);
    this.takeFailure(new CancelledError("The call was given up"));
  }

  /** What the other side sends, until it ends; one reader. @throws Why it was cut off. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        // before it is used: a reader that leaves with it has read it too
        this.#consume(chunk.weight);
        yield chunk.bytes;
      } else if (this.#hasPeerEnded) return;
      else if (this.#failure) throw this.#failure;
      else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }

  /**
   * @param weight With what fills the frame up: that much of the window is used.
   * @throws {InvalidArgumentError} The other side has sent more than it may.
   */
  takeData(bytes: Uint8Array, weight: number): void {
    this.#receiveWindow -= weight;
    if (this.#receiveWindow < 0) throw new InvalidArgumentError("A stream's window is full");
    if (this.#hasPeerEnded) throw new InvalidArgumentError("A stream goes on after its end");
    this.#chunks.push({ bytes, weight });
    this.#wake.resolve();
  }

  takeFields(fields: readonly HeaderField[]): void {
    this.fields.push(...fields);
  }

  takeEnd(): void {
    this.#hasPeerEnded = true;
    this.#wake.resolve();
    this.#forgetIfOver();
  }

  takeReset(code: number): void {
    // a server that has answered wants no more of the request
    if (code === NO_ERROR && this.#hasPeerEnded) return this.#endOurs();
    this.takeFailure(new CancelledError("The other side gave the call up"));
  }

  takeFailure(failure: Error): void {
    if (this.#failure || (this.#hasPeerEnded && this.#haveWeEnded)) return;
    this.#failure = failure;
    this.#wake.resolve();
    this.#owner.forget(this.id);
    this.#over.abort(failure);
  }

  #consume(weight: number): void {
    this.#owner.consumed(weight);
    if (this.#failure || this.#hasPeerEnded) return;
    this.#unreportedBytes += weight;
    if (this.#unreportedBytes < STREAM_WINDOW_BYTES / 2) return;
    this.#receiveWindow += this.#unreportedBytes;
    this.#owner.sendWindowUpdate(this.id, this.#unreportedBytes);
    this.#unreportedBytes = 0;
  }

  #drop(): void {
    for (const { weight } of this.#chunks.splice(0)) this.#owner.consumed(weight);
  }

  #endOurs(): void {
    this.#haveWeEnded = true;
    this.#forgetIfOver();
  }

  #forgetIfOver(): void {
    if (this.#hasPeerEnded && this.#haveWeEnded) this.#owner.forget(this.id);
  }
}
