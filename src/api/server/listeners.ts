import * as fs from "node:fs";
import * as net from "node:net";
import * as tls from "node:tls";
import { ConflictError, FailedPreconditionError, messageOf } from "#base/errors.ts";

export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** Only clients whose certificate one of these signed may connect; absent: all may. */
  readonly clientAuthorities?: string;
}

/** Where the API is served. */
export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string; readonly groupId?: number }
  /** A listening socket that another process opened and handed over. */
  | { readonly kind: "inherited"; readonly descriptor: number; readonly name: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsMaterial;
    };

export interface Listener extends AsyncDisposable {
  /** `unix:///run/wharf.sock`, `tcp://127.0.0.1:2376` with the port that was really taken. */
  readonly name: string;
}

const SOCKET_MODE = 0o660;

/**
 * Listens and hands every connection to `onConnection`, over TLS after its handshake.
 *
 * @throws {ConflictError} Another process serves there.
 * @throws {FailedPreconditionError} The address cannot be had, saying why.
 */
export async function openListener(
  address: ListenAddress,
  onConnection: (socket: net.Socket) => void,
): Promise<Listener> {
  switch (address.kind) {
    case "unix":
      return openUnix(address.path, address.groupId, onConnection);
    case "inherited":
      return openInherited(address, onConnection);
    case "tcp":
      return openTcp(address, onConnection);
  }
}

async function openUnix(
  path: string,
  groupId: number | undefined,
  onConnection: (socket: net.Socket) => void,
): Promise<Listener> {
  const name = `unix://${path}`;
  await removeStaleSocket(path);
  const server = net.createServer({ allowHalfOpen: true }, onConnection);
  await listen(server, { path }, name);
  // Until here the umask left the group without the right to write, which connecting needs.
  fs.chownSync(path, 0, groupId ?? 0);
  fs.chmodSync(path, SOCKET_MODE);
  const { ino } = fs.statSync(path);
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await closeServer(server);
      if (fs.statSync(path, { throwIfNoEntry: false })?.ino === ino) fs.rmSync(path);
    },
  };
}

/** Closing lets go of our copy: who opened the socket goes on to hold it, and what connects waits there. */
async function openInherited(
  address: Extract<ListenAddress, { kind: "inherited" }>,
  onConnection: (socket: net.Socket) => void,
): Promise<Listener> {
  const server = net.createServer({ allowHalfOpen: true }, onConnection);
  const name = `fd://${address.name}`;
  await listen(server, { fd: address.descriptor }, name);
  return { name, [Symbol.asyncDispose]: () => closeServer(server) };
}

async function openTcp(
  address: Extract<ListenAddress, { kind: "tcp" }>,
  onConnection: (socket: net.Socket) => void,
): Promise<Listener> {
  const { tls: material } = address;
  const server = material
    ? tls.createServer(
        {
          cert: material.certificate,
          key: material.key,
          minVersion: "TLSv1.2",
          ALPNProtocols: ["http/1.1"],
          allowHalfOpen: true, // a client closes its stdin by close_notify, and reads on
          ...(material.clientAuthorities === undefined
            ? {}
            : { ca: material.clientAuthorities, requestCert: true, rejectUnauthorized: true }),
        },
        (socket) => {
          if (material.clientAuthorities !== undefined && !socket.authorized) socket.destroy();
          else onConnection(socket);
        },
      )
    : net.createServer({ allowHalfOpen: true }, onConnection);
  if (material) server.on("tlsClientError", (_error, socket: tls.TLSSocket) => socket.destroy());
  const label = `tcp://${formatHost(address.host)}:${address.port}`;
  await listen(server, { host: address.host, port: address.port }, label);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return {
    name: `tcp://${formatHost(address.host)}:${port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** A socket file that nobody serves stays behind a killed daemon; one that is served is not ours to take. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new FailedPreconditionError(`Cannot listen on unix://${path}: a file is there`);
  }
  const isServed = await new Promise<boolean>((resolve) => {
    const probe = net.connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (isServed) {
    throw new ConflictError(
      `Cannot listen on unix://${path}: another daemon serves there; stop it or choose another --host`,
    );
  }
  fs.rmSync(path);
}

function listen(
  server: net.Server,
  options: net.ListenOptions | { readonly fd: number },
  name: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new FailedPreconditionError(`Cannot listen on ${name}: ${messageOf(cause)}`, { cause }),
      );
    });
    server.listen(options, () => resolve());
  });
}

function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
