import type { Socket } from "node:net";
import { CancelledError } from "#base/errors.ts";
import type { BodyLoan, LendableBytes } from "./body-loan.ts";
import type { HeaderFields } from "./header-fields.ts";
import { asksForUpgrade, type RequestHead } from "./request-head.ts";

/** Bytes of a body that may wait in memory for who reads it. */
const WAITING_MAX_BYTES = 64 * 1024;

/** A request as those see it who answer it. Iterating reads the body, once. */
export interface HttpRequest extends LendableBytes {
  readonly method: string;
  /** As it was sent: path and query, or a whole URL. */
  readonly url: string;
  readonly fields: HeaderFields;
  /** The client asks for another protocol on the connection. */
  readonly isUpgrade: boolean;
  /** For who is at the other end. Its bytes are the server's. */
  readonly socket: Socket;
}

export interface BodyListener {
  /** The body is read for the first time. */
  onFirstRead(): void;
  /** There is room again for what the client sends. */
  onRoom(): void;
  /** @see LendableBytes.lend */
  onLend(): Promise<BodyLoan | undefined>;
}

/** A request whose body comes while it is read. */
export class IncomingRequest implements HttpRequest {
  readonly head: RequestHead;
  readonly socket: Socket;
  readonly isUpgrade: boolean;
  readonly #listener: BodyListener;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isRead = false;
  #isComplete: boolean;
  #isDiscarded = false;
  /** The rest is read by somebody else. */
  #isLent = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(
    head: RequestHead,
    options: {
      readonly socket: Socket;
      readonly hasBody: boolean;
      readonly listener: BodyListener;
    },
  ) {
    this.head = head;
    this.socket = options.socket;
    this.isUpgrade = asksForUpgrade(head);
    this.#isComplete = !options.hasBody;
    this.#listener = options.listener;
  }

  get method(): string {
    return this.head.method;
  }

  get url(): string {
    return this.head.target;
  }

  get fields(): HeaderFields {
    return this.head.fields;
  }

  /** All of the body has come, though it may not have been read. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** So much waits that the client is to be held back. */
  get isFull(): boolean {
    return this.#waitingBytes > WAITING_MAX_BYTES;
  }

  push(pieces: readonly Uint8Array[]): void {
    if (this.#isDiscarded) return;
    for (const piece of pieces) {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.byteLength;
    }
    this.#wake?.();
  }

  complete(): void {
    this.#isComplete = true;
    this.#wake?.();
  }

  /** The rest will never come; who reads learns it after what has come. */
  fail(error: Error): void {
    if (this.#isComplete) return;
    this.#failure = error;
    this.#wake?.();
  }

  async lend(): Promise<BodyLoan | undefined> {
    if (this.#isComplete || this.#isDiscarded || this.#failure) return undefined;
    const loan = await this.#listener.onLend();
    this.#isLent = loan !== undefined;
    return loan;
  }

  /** Drops what has come and what comes. */
  discard(): void {
    this.#isDiscarded = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#listener.onRoom();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const value = await this.#next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        this.discard();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (!this.#isRead) {
      this.#isRead = true;
      if (!this.#isComplete) this.#listener.onFirstRead();
    }
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece) {
        const wasFull = this.isFull;
        this.#waitingBytes -= piece.byteLength;
        if (wasFull && !this.isFull) this.#listener.onRoom();
        return piece;
      }
      if (this.#isComplete || this.#isDiscarded) return undefined;
      if (this.#failure) throw this.#failure;
      if (this.#isLent) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

/** What who reads a body learns when its client goes. */
export function hungUp(): CancelledError {
  return new CancelledError("The client hung up");
}

/** The request with a body that was read before; to be read once, as any. */
export function withBody(request: HttpRequest, body: Uint8Array): HttpRequest {
  let left: Uint8Array | undefined = body;
  return {
    method: request.method,
    url: request.url,
    fields: request.fields,
    isUpgrade: request.isUpgrade,
    socket: request.socket,
    [Symbol.asyncIterator]: async function* chunks() {
      const bytes = left;
      left = undefined;
      if (bytes && bytes.byteLength > 0) yield bytes;
    },
  };
}
