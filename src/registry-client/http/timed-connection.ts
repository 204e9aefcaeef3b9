import type { Connection } from "#client/connection.ts";
import { UnreachableError } from "./url-errors.ts";

/** Ends a connection whose peer neither sends nor takes anything for too long. */
export class TimedConnection implements Connection {
  readonly #inner: Connection;
  readonly #idleMs: number;
  #isTimedOut = false;

  constructor(inner: Connection, idleMs: number) {
    this.#inner = inner;
    this.#idleMs = idleMs;
  }

  get isSpent(): boolean {
    return this.#isTimedOut || this.#inner.isSpent;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#timed(() => this.#inner.read());
  }

  unread(bytes: Uint8Array): void {
    this.#inner.unread(bytes);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#timed(() => this.#inner.write(bytes));
  }

  closeWrite(): void {
    this.#inner.closeWrite();
  }

  close(): void {
    this.#inner.close();
  }

  async #timed<Value>(work: () => Promise<Value>): Promise<Value> {
    const timer = setTimeout(() => {
      this.#isTimedOut = true;
      this.#inner.close();
    }, this.#idleMs);
    try {
      const value = await work();
      if (this.#isTimedOut) throw this.#tooLong();
      return value;
    } catch (error) {
      throw this.#isTimedOut ? this.#tooLong() : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLong(): UnreachableError {
    return new UnreachableError(`the server was silent for ${this.#idleMs / 1000} seconds`);
  }
}
