import { connect as connectNet, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Connection, ReadQueue } from "#client/connection.ts";
import type { TlsMaterial } from "#client/connect-socket.ts";
import { FailedPreconditionError } from "#base/errors.ts";
import type { ProxyServer } from "#registry-client/proxies.ts";
import type { Origin } from "./origin.ts";
import { requestSocks } from "./socks.ts";
import { UnreachableError } from "./url-errors.ts";

const HEAD_MAX_BYTES = 64 * 1024;

/**
 * Reaches a server with TLS through a proxy that is asked to `CONNECT`, any through SOCKS5.
 *
 * @throws {FailedPreconditionError} The proxy refuses. {UnreachableError} It cannot be reached.
 */
export async function connectTunnel(
  proxy: ProxyServer,
  origin: Origin,
  tls: TlsMaterial,
): Promise<Connection> {
  const plain = await openSocket(proxy);
  try {
    if (proxy.protocol === "socks5") await requestSocks(plain, proxy, origin);
    else await requestTunnel(plain, proxy, origin);
    return origin.isTls ? await wrap(plain, origin, tls) : new TunnelConnection(plain);
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

function openSocket({ origin }: ProxyServer): Promise<Socket> {
  const target = { host: origin.hostname, port: origin.port };
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = origin.isTls
    ? connectTls({ ...target, servername: origin.hostname }, () => resolve(socket))
    : connectNet(target, () => resolve(socket));
  socket.once("error", (cause) => {
    const name = `${origin.hostname}:${origin.port}`;
    reject(new UnreachableError(`proxyconnect tcp: dial tcp ${name}: ${cause.message}`, { cause }));
  });
  return promise;
}

async function requestTunnel(
  socket: Socket,
  { authorization }: ProxyServer,
  { hostname, port }: Origin,
): Promise<void> {
  const host = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const lines = [`CONNECT ${host} HTTP/1.1`, `Host: ${host}`];
  if (authorization !== undefined) lines.push(`Proxy-Authorization: ${authorization}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const head = await readHead(socket);
  const status = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?/.exec(head);
  if (status?.[1] === "200") return;
  throw new FailedPreconditionError(
    `proxyconnect tcp: the proxy answers ${status ? `${status[1]} ${status[2] ?? ""}`.trimEnd() : "no HTTP"}`,
  );
}

/** Nothing comes behind the head before we have spoken: TLS begins with the client. */
async function readHead(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const onData = (chunk: Buffer): void => {
    text += chunk.toString("latin1");
    if (text.includes("\r\n\r\n")) resolve(text);
    else if (text.length > HEAD_MAX_BYTES)
      reject(new UnreachableError("proxyconnect tcp: no end of headers"));
  };
  const onEnd = (): void => reject(new UnreachableError("proxyconnect tcp: unexpected EOF"));
  socket.on("data", onData);
  socket.once("end", onEnd);
  socket.once("close", onEnd);
  try {
    return await promise;
  } finally {
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", onEnd);
  }
}

async function wrap(plain: Socket, origin: Origin, tls: TlsMaterial): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const socket = connectTls({
    socket: plain,
    servername: tls.serverName ?? origin.hostname,
    rejectUnauthorized: tls.verify,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
  socket.once("error", reject);
  socket.once("secureConnect", () => resolve(new TunnelConnection(socket)));
  return await promise;
}

class TunnelConnection implements Connection {
  readonly #socket: Socket;
  readonly #queue: ReadQueue;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#queue = new ReadQueue(() => socket.resume());
    socket.on("data", (chunk: Buffer) => {
      if (this.#queue.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.#queue.end());
    socket.on("error", (error) => this.#queue.end(error));
    socket.on("close", () => this.#queue.end());
  }

  get isSpent(): boolean {
    return this.#queue.hasEnded || this.#socket.destroyed;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#queue.read();
  }

  unread(bytes: Uint8Array): void {
    this.#queue.unread(bytes);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    await promise;
  }

  closeWrite(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
    this.#queue.end();
  }
}
