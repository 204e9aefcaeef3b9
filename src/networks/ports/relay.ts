import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";

/** Where a relay sends what it gets. */
export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/**
 * Serves what comes to a port of the host past the rules: to `[::1]`, which cannot be led out of the host, and to
 * addresses of a family that the container has none of, as no rule can turn one family into the other. Disposing
 * closes its descriptor.
 */
export type Relay = AsyncDisposable;

/** @returns Undefined while there is nobody to send to. */
export type FindTarget = () => RelayTarget | undefined;

/** Connections that one published port relays at once. */
const MAX_CONNECTIONS = 4096;
/** Clients that one published UDP port remembers; the longest silent is forgotten first. */
const MAX_UDP_CLIENTS = 1024;
/** How long a UDP client may be silent (docker-proxy's UDPConnTrackTimeout). */
const UDP_IDLE_MS = 90_000;

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  // Without a peer there is nobody to tell: the other side is closed with it.
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (from.errored || !from.readableEnded) to.destroy();
  });
}

/** @param descriptor Of a listening socket. */
export function openTcpRelay(descriptor: number, findTarget: FindTarget): Relay {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = findTarget();
    if (!target) return void client.destroy();
    const upstream = connect({
      host: target.address,
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    track(client);
    track(upstream);
    join(client, upstream);
    join(upstream, client);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("error", () => {}); // accept(2) out of descriptors: the next connection is tried again
  server.listen({ fd: descriptor });
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface UdpClient {
  readonly upstream: DatagramSocket;
  readonly target: RelayTarget;
  lastUsedMs: number;
}

class UdpRelay implements Relay {
  readonly #server: DatagramSocket;
  readonly #findTarget: FindTarget;
  /** In order of last use, the longest silent first. */
  readonly #clients = new Map<string, UdpClient>();
  readonly #sweep: NodeJS.Timeout;

  constructor(server: DatagramSocket, findTarget: FindTarget) {
    this.#server = server;
    this.#findTarget = findTarget;
    server.on("message", (payload, from) => this.#forward(payload, from));
    server.on("error", () => {}); // a client's port is closed: its business
    this.#sweep = setInterval(() => this.#forgetSilent(), UDP_IDLE_MS / 3);
    this.#sweep.unref();
  }

  #forward(payload: Uint8Array, from: RemoteInfo): void {
    const target = this.#findTarget();
    if (!target) return;
    const key = `${from.address} ${from.port}`;
    const known = this.#clients.get(key);
    if (known && known.target !== target) this.#forget(key);
    const client = this.#clients.get(key) ?? this.#open(from, target);
    this.#clients.delete(key);
    this.#clients.set(key, client);
    client.lastUsedMs = performance.now();
    client.upstream.send(payload, target.port, target.address);
  }

  #open(from: RemoteInfo, target: RelayTarget): UdpClient {
    const [oldest] = this.#clients.keys();
    if (oldest !== undefined && this.#clients.size >= MAX_UDP_CLIENTS) this.#forget(oldest);
    const upstream = createSocket(target.address.includes(":") ? "udp6" : "udp4");
    upstream.on("message", (payload) => this.#server.send(payload, from.port, from.address));
    upstream.on("error", () => {}); // the container does not listen: the client hears nothing, as with UDP
    return { upstream, target, lastUsedMs: 0 };
  }

  #forget(key: string): void {
    this.#clients.get(key)?.upstream.close();
    this.#clients.delete(key);
  }

  #forgetSilent(): void {
    const limitMs = performance.now() - UDP_IDLE_MS;
    for (const [key, client] of this.#clients) {
      if (client.lastUsedMs > limitMs) return;
      this.#forget(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep);
    for (const key of this.#clients.keys()) this.#forget(key);
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }
}

/** @param descriptor Of a bound socket. */
export async function openUdpRelay(
  descriptor: number,
  family: 4 | 6,
  findTarget: FindTarget,
): Promise<Relay> {
  const server = createSocket(family === 6 ? "udp6" : "udp4");
  const bound = Promise.withResolvers<void>();
  server.once("error", bound.reject);
  server.bind({ fd: descriptor }, bound.resolve);
  await bound.promise;
  server.removeListener("error", bound.reject);
  return new UdpRelay(server, findTarget);
}
