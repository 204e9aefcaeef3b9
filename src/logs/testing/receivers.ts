import { createSocket } from "node:dgram";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { LogOptions } from "#logs/logs.ts";
import type { Receiver } from "./contract.ts";

/**
 * Takes complete messages off what was received.
 * @returns Lines such as `stdout one`, and how many bytes they took.
 */
export type Unpack = (received: Buffer) => {
  readonly lines: readonly string[];
  readonly taken: number;
  /** Sent back. */
  readonly answer?: Buffer;
};

class Lines {
  readonly #lines: string[] = [];
  #more = Promise.withResolvers<void>();

  add(lines: readonly string[]): void {
    this.#lines.push(...lines);
    const more = this.#more;
    this.#more = Promise.withResolvers();
    more.resolve();
  }

  async wait(count: number): Promise<readonly string[]> {
    while (this.#lines.length < count) await this.#more.promise;
    return this.#lines;
  }
}

export interface StreamReceiverOptions {
  readonly unpack: Unpack;
  /** Options from where it listens: a port, or a path. */
  readonly options: (where: { readonly port: number; readonly path: string }) => LogOptions;
  /** A unix socket there. */
  readonly path?: string;
  /** PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Listens on TCP at a free port, with TLS or without, or on a unix socket. */
export async function openStreamReceiver(options: StreamReceiverOptions): Promise<Receiver> {
  const lines = new Lines();
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    let received: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const unpacked = options.unpack(received);
      received = received.subarray(unpacked.taken);
      if (unpacked.answer) socket.write(unpacked.answer);
      lines.add(unpacked.lines);
    });
  };
  const listen = async (port: number): Promise<Server> => {
    const server = options.tls ? createTlsServer(options.tls, serve) : createServer(serve);
    if (options.path === undefined) server.listen(port, "127.0.0.1");
    else server.listen(options.path);
    await once(server, "listening");
    return server;
  };
  let server = await listen(0);
  const port = options.path === undefined ? (server.address() as AddressInfo).port : 0;
  const leave = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
    if (options.path !== undefined) rmSync(options.path, { force: true });
  };
  return {
    options: options.options({ port, path: options.path ?? "" }),
    lines: (count) => lines.wait(count),
    restart: async () => {
      await leave();
      server = await listen(port);
    },
    leave,
    [Symbol.asyncDispose]: leave,
  };
}

/** Listens on UDP at a free port. */
export async function openUdpReceiver(
  unpack: (datagram: Buffer) => readonly string[],
  options: (port: number) => LogOptions,
): Promise<Receiver> {
  const lines = new Lines();
  const socket = createSocket("udp4", (datagram) => lines.add(unpack(datagram)));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  let isOpen = true;
  const leave = async (): Promise<void> => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  return {
    options: options(socket.address().port),
    lines: (count) => lines.wait(count),
    leave,
    [Symbol.asyncDispose]: leave,
  };
}
