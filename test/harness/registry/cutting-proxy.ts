import { connect, createServer, type Server, type Socket } from "node:net";

/** Passes bytes on to a server, and cuts each connection when so many have gone through it. */
export class CuttingProxy implements AsyncDisposable {
  /** Bytes in both directions that the next connection lives for; Infinity for as long as it likes. */
  budget: () => number = () => Infinity;
  /** Connections that were cut. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(port: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on("connection", (socket) => proxy.#pass(socket, port));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  /** Ends all connections that are open. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(socket: Socket, port: number): void {
    const onward = connect(port, "127.0.0.1");
    let left = this.budget();
    for (const one of [socket, onward]) {
      const other = one === socket ? onward : socket;
      this.#sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.on("end", () => other.end());
      one.on("drain", () => other.resume());
      one.on("data", (chunk: Buffer) => {
        if (other.destroyed) return;
        const passed = chunk.subarray(0, Math.max(left, 0));
        left -= chunk.length;
        if (left >= 0) {
          if (!other.write(passed)) one.pause();
          return;
        }
        this.cuts++;
        other.end(passed, () => {
          socket.destroy();
          onward.destroy();
        });
      });
    }
  }
}
