import { Duplex } from "node:stream";
import type { Connection } from "#client/connection.ts";

/** A connection as `node:stream` has it. */
export class ConnectionDuplex extends Duplex {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  override _read(): void {
    this.#connection.read().then(
      (chunk) => void this.push(chunk ?? null),
      (error: unknown) => void this.destroy(error instanceof Error ? error : undefined),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#connection.write(chunk).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#connection.closeWrite();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection.close();
    done(error);
  }
}
