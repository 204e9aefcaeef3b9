import type { Socket } from "node:net";
import type { ByteConnection } from "#rpc/http2/byte-connection.ts";
import type { SocketInput } from "./socket-input.ts";

/** A connection that was taken over, for protocols that read from its first byte on. */
export class HijackedConnection implements ByteConnection {
  readonly #socket: Socket;
  readonly #input: SocketInput;

  /** @param input What the socket reads, from what came with the request's head on. */
  constructor(socket: Socket, input: SocketInput) {
    this.#socket = socket;
    this.#input = input;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#input.next();
  }

  /** Resolves too when the connection is gone: whoever reads learns of that. */
  async write(bytes: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const onReady = (): void => {
        socket.off("drain", onReady);
        socket.off("close", onReady);
        resolve();
      };
      socket.once("drain", onReady);
      socket.once("close", onReady);
    });
  }

  close(): void {
    this.#input.discard();
    this.#socket.destroy();
  }
}
