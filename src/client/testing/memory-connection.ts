import { type Connection, ReadQueue } from "#client/connection.ts";

/** A connection whose far side is the test: what is written is kept, what is fed is read. */
export class MemoryConnection implements Connection {
  readonly #queue = new ReadQueue(() => undefined);
  readonly #written: Uint8Array[] = [];
  isClosed = false;
  isWriteClosed = false;

  /** @param pieces What the peer sends, in the pieces in which it comes; then its end. */
  constructor(pieces: readonly string[] = []) {
    for (const piece of pieces) this.feed(piece);
    if (pieces.length > 0) this.endFeed();
  }

  feed(text: string | Uint8Array): void {
    this.#queue.push(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  endFeed(): void {
    this.#queue.end();
  }

  get written(): string {
    return Buffer.concat(this.#written).toString("latin1");
  }

  get isSpent(): boolean {
    return this.isClosed || this.#queue.hasEnded;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#queue.read();
  }

  unread(bytes: Uint8Array): void {
    this.#queue.unread(bytes);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#written.push(new Uint8Array(bytes));
    return Promise.resolve();
  }

  closeWrite(): void {
    this.isWriteClosed = true;
  }

  close(): void {
    this.isClosed = true;
    this.#queue.end();
  }
}
