import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";

/** Where a relay sends what it gets. */
export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/**
 * A port of the host on an IPv6 address, served by the daemon for a container that has IPv4 only: no
 * rule can turn one family into the other. Its listener is the port's reservation at the same time.
 */
export type Relay = AsyncDisposable;

interface ListenAt {
  readonly address: string;
  readonly port: number;
}

/** Connections that one published port relays at once; further ones wait in the backlog. */
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

/** @throws With `code` EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, … as listen(2) failed. */
export async function openTcpRelay(at: ListenAt, target: RelayTarget): Promise<Relay> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
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
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen({ host: at.address, port: at.port, ipv6Only: true }, listening.resolve);
  await listening.promise;
  server.removeListener("error", listening.reject);
  server.on("error", () => {}); // accept(2) out of descriptors: the next connection is tried again
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
  lastUsedMs: number;
}

class UdpRelay implements Relay {
  readonly #server: DatagramSocket;
  readonly #target: RelayTarget;
  /** In order of last use, the longest silent first. */
  readonly #clients = new Map<string, UdpClient>();
  readonly #sweep: NodeJS.Timeout;

  constructor(server: DatagramSocket, target: RelayTarget) {
    this.#server = server;
    this.#target = target;
    server.on("message", (payload, from) => this.#forward(payload, from));
    server.on("error", () => {}); // a client's port is closed: its business
    this.#sweep = setInterval(() => this.#forgetSilent(), UDP_IDLE_MS / 3);
    this.#sweep.unref();
  }

  #forward(payload: Uint8Array, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`;
    const client = this.#clients.get(key) ?? this.#open(from);
    this.#clients.delete(key);
    this.#clients.set(key, client);
    client.lastUsedMs = performance.now();
    client.upstream.send(payload, this.#target.port, this.#target.address);
  }

  #open(from: RemoteInfo): UdpClient {
    const [oldest] = this.#clients.keys();
    if (oldest !== undefined && this.#clients.size >= MAX_UDP_CLIENTS) this.#forget(oldest);
    const upstream = createSocket("udp4");
    upstream.on("message", (payload) => this.#server.send(payload, from.port, from.address));
    upstream.on("error", () => {}); // the container does not listen: the client hears nothing, as with UDP
    return { upstream, lastUsedMs: 0 };
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

/** @throws With `code` EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, … as bind(2) failed. */
export async function openUdpRelay(at: ListenAt, target: RelayTarget): Promise<Relay> {
  const server = createSocket({ type: "udp6", ipv6Only: true });
  const bound = Promise.withResolvers<void>();
  server.once("error", bound.reject);
  server.bind({ address: at.address, port: at.port, exclusive: true }, bound.resolve);
  await bound.promise;
  server.removeListener("error", bound.reject);
  return new UdpRelay(server, target);
}
