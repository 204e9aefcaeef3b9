import { Duplex } from "node:stream";
import type { ByteConnection } from "#rpc/http2/byte-connection.ts";

/** As little as a network may give at once. */
const PIECE_BYTES = 1000;

/** One end of a pair: bytes that it writes are read at the other. */
export class MemoryConnection implements ByteConnection {
  #other: MemoryConnection | undefined;
  readonly #chunks: Uint8Array[] = [];
  #isClosed = false;
  #wake = Promise.withResolvers<void>();

  static pair(): readonly [MemoryConnection, MemoryConnection] {
    const [one, two] = [new MemoryConnection(), new MemoryConnection()];
    one.#other = two;
    two.#other = one;
    return [one, two];
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) return chunk;
      if (this.#isClosed) return undefined;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const other = this.#other;
    for (let at = 0; other && at < bytes.byteLength; at += PIECE_BYTES) {
      other.#take(bytes.slice(at, at + PIECE_BYTES));
    }
    return Promise.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake.resolve();
    const other = this.#other;
    this.#other = undefined;
    other?.close();
  }

  /** As `node:http2` wants it. */
  toDuplex(): Duplex {
    const { read, write, close } = {
      read: () => this.read(),
      write: (bytes: Uint8Array) => this.write(bytes),
      close: () => this.close(),
    };
    return new Duplex({
      read() {
        read().then(
          (chunk) => this.push(chunk ?? null),
          () => this.push(null),
        );
      },
      write(chunk: Uint8Array, _encoding, done) {
        void write(chunk).then(() => done());
      },
      destroy(_error, done) {
        close();
        done(null);
      },
    });
  }

  #take(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#wake.resolve();
  }
}
