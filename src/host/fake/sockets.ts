import { NotFoundError, UnavailableError } from "#base/errors.ts";
import type {
  DatagramSocket,
  KeptSocket,
  PacketSocket,
  PortProtocol,
  Sockets,
  SocketVault,
  StreamSocket,
  TcpConnection,
} from "#host/sockets.ts";

/** Both ends of one in-memory connection. */
export interface FakeConnection {
  readonly near: PacketSocket;
  readonly far: PacketSocket;
}

/** Sockets in memory: a test listens at a path and plays the other end. */
export class FakeSockets implements Sockets {
  readonly #listeners = new Map<string, (far: PacketSocket) => void>();
  readonly #reserved = new Map<number, string>();
  #nextDescriptor = 100;

  listen(path: string, onConnection: (far: PacketSocket) => void): void {
    this.#listeners.set(path, onConnection);
  }

  async connectSeqpacket(path: string): Promise<PacketSocket> {
    const listener = this.#listeners.get(path);
    if (listener === undefined) {
      throw new NotFoundError(`Cannot connect to "${path}": no such file or directory (ENOENT)`);
    }
    const { near, far } = openConnection();
    listener(far);
    return near;
  }

  /** Nobody listens. */
  connectDatagram(path: string): DatagramSocket {
    throw new NotFoundError(`Cannot connect to "${path}": no such file or directory (ENOENT)`);
  }

  /** Nobody listens. */
  async connectTcp(): Promise<TcpConnection> {
    throw new UnavailableError("connection refused (ECONNREFUSED)");
  }

  async adoptStream(descriptor: number): Promise<StreamSocket> {
    throw new UnavailableError(
      `Cannot take over descriptor ${descriptor}: it is none of the host's`,
    );
  }

  reservePort(protocol: PortProtocol, address: string, port: number): number | undefined {
    const name = `${protocol} ${address} ${port}`;
    if ([...this.#reserved.values()].includes(name)) return undefined;
    const descriptor = this.#nextDescriptor;
    this.#nextDescriptor += 1;
    this.#reserved.set(descriptor, name);
    return descriptor;
  }

  closeDescriptor(descriptor: number): void {
    this.#reserved.delete(descriptor);
  }

  openVault(): SocketVault {
    const content: { sockets: readonly KeptSocket[] } = { sockets: [] };
    const vault: SocketVault = {
      ends: [0, 0],
      keep: (sockets) => void (content.sockets = sockets),
      take: () => content.sockets,
      share: () => vault,
      [Symbol.dispose]() {},
    };
    return vault;
  }

  /** No process has one. */
  vaultOf(): SocketVault | undefined {
    return undefined;
  }
}

/** A pair whose `send` resolves when the other end has read the packet. */
export function openConnection(): FakeConnection {
  const [there, back] = [new Pipe(), new Pipe()];
  return { near: new PipeSocket(back, there), far: new PipeSocket(there, back) };
}

interface Sent {
  readonly packet: Uint8Array;
  readonly taken: () => void;
}

/** One direction of a connection. */
class Pipe {
  readonly #waiting: Sent[] = [];
  #isClosed = false;
  #wake = (): void => {};

  write(packet: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new UnavailableError("Cannot write: the other end is closed");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ packet, taken: resolve });
    this.#wake();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *read(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const sent = this.#waiting.shift();
      if (sent !== undefined) {
        sent.taken();
        yield sent.packet;
      } else if (this.#isClosed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

class PipeSocket implements PacketSocket {
  readonly #from: Pipe;
  readonly #to: Pipe;

  constructor(from: Pipe, to: Pipe) {
    this.#from = from;
    this.#to = to;
  }

  packets(): AsyncIterable<Uint8Array> {
    return this.#from.read();
  }

  async send(payload: Uint8Array): Promise<void> {
    await this.#to.write(Uint8Array.from(payload));
  }

  endWriting(): void {
    this.#to.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#to.close();
    this.#from.close();
  }
}
