import * as net from "node:net";

/** A bare connection: what HTTP clients hide is what these tests look at. */
export class RawClient implements Disposable {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = net.connect({ path, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** All received, as soon as `isEnough` holds. @throws {Error} The server ended first. */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = this.#received.toString("latin1");
      if (isEnough(text)) return text;
      if (this.#isEnded) throw new Error(`connection ended after ${JSON.stringify(text)}`);
      await this.#more();
    }
  }

  /** All received until the server ended. */
  async end(): Promise<Buffer> {
    while (!this.#isEnded) await this.#more();
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
