import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { SocketInput } from "./socket-input.ts";

/**
 * A taken-over connection as a stream, for protocols that read from its first byte on: what came with the request's head
 * is read again, which `unshift` on the socket does not give to Bun's HTTP/2.
 */
export class HijackedDuplex extends Duplex {
  readonly #socket: Socket;
  readonly #input: SocketInput;
  #isReading = false;

  constructor(socket: Socket, input: SocketInput) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#input = input;
    socket.once("close", () => this.destroy());
  }

  override _read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#readOne();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    // the close that follows tells; later, so that a writer that never waits learns of it
    if (this.#socket.destroyed) return void setImmediate(done);
    if (this.#socket.write(chunk)) return done();
    const onReady = (): void => {
      this.#socket.off("drain", onReady);
      this.#socket.off("close", onReady);
      done();
    };
    this.#socket.once("drain", onReady);
    this.#socket.once("close", onReady);
  }

  override _final(done: (error?: Error) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.#input.discard();
    this.#socket.destroy();
    done(null);
  }

  async #readOne(): Promise<void> {
    const chunk = await this.#input.next();
    this.#isReading = false;
    this.push(chunk ?? null);
  }
}
