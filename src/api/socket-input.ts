import type { Socket } from "node:net";

/**
 * Reads a taken-over socket one chunk at a time: the socket is paused whenever nobody waits, so a
 * slow process slows its client down, and memory holds one chunk.
 */
export class SocketInput {
  readonly #socket: Socket;
  #buffered: Uint8Array[];
  #ended = false;
  #isDiscarding = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param head Bytes that came with the request's head and belong to the stream. */
  constructor(socket: Socket, head: Uint8Array) {
    this.#socket = socket;
    this.#buffered = head.byteLength > 0 ? [head] : [];
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#isDiscarding) return;
      this.#buffered.push(chunk);
      socket.pause();
      this.#wake?.();
    });
    socket.on("end", () => this.#finish());
    socket.on("close", () => this.#finish());
    socket.on("error", (error) => {
      this.#failure = error;
      this.#finish();
    });
    socket.pause();
  }

  /** Set when the connection broke, rather than ended. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** @returns The next bytes; undefined at the end, which a half-closed connection has too. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#buffered.shift();
      if (chunk !== undefined) return chunk;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
      this.#wake = undefined;
    }
  }

  /** Puts bytes back in front. */
  unread(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#buffered.unshift(chunk);
  }

  /** Exactly `count` bytes, or what there was before the end. */
  async take(count: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      const chunk = await this.next();
      if (chunk === undefined) break;
      chunks.push(chunk.subarray(0, missing));
      this.unread(chunk.subarray(missing));
      missing -= Math.min(missing, chunk.byteLength);
    }
    return Buffer.concat(chunks);
  }

  /** All up to and with `mark`, or undefined when it is not within `maxBytes`. */
  async takeLine(maxBytes: number): Promise<string | undefined> {
    let line: Buffer = Buffer.alloc(0);
    while (line.byteLength < maxBytes) {
      const chunk = await this.next();
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(10);
      if (end >= 0) {
        this.unread(chunk.subarray(end + 1));
        return Buffer.concat([line, chunk.subarray(0, end)])
          .toString("latin1")
          .replace(/\r$/, "");
      }
      line = Buffer.concat([line, chunk]);
    }
    return undefined;
  }

  /** Reads on and drops it: a paused socket would never learn that its client is gone. */
  discard(): void {
    this.#isDiscarding = true;
    this.#buffered = [];
    this.#finish();
    this.#socket.resume();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
