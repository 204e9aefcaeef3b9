import type { Connection } from "./connection.ts";

/** The two directions of a container's streams after the HTTP exchange. */
export class HijackedStream implements Disposable {
  /** `application/vnd.docker.multiplexed-stream` (frames, see stdcopy.ts) or `…raw-stream` (a TTY's
   * bytes; engines before API 1.42 say it for both). */
  readonly contentType: string | undefined;
  readonly #connection: Connection;

  constructor(connection: Connection, contentType: string | undefined) {
    this.#connection = connection;
    this.contentType = contentType;
  }

  /** Output as it comes, until the container's side ends. */
  async *output(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.#connection.read();
      if (!chunk) return;
      yield chunk;
    }
  }

  /** Input for the container, with back-pressure. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes);
  }

  /** The container's stdin sees its end; output goes on. */
  closeWrite(): void {
    this.#connection.closeWrite();
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
