import { UnavailableError } from "#base/errors.ts";
import type { PacketSocket } from "#host/sockets.ts";
import { connectDescriptor } from "./descriptor-socket.ts";

const LONGEST_PACKET_BYTES = 32 * 1024;
/** What may wait here for the reader before Bun stops reading; the rest waits in the kernel. */
const MOST_WAITING_BYTES = 256 * 1024;

/** Hands a connected, non-blocking SOCK_SEQPACKET descriptor to Bun's event loop. */
export async function openPacketSocket(
  fd: number,
  path: string,
  longestBytes: number = LONGEST_PACKET_BYTES,
): Promise<PacketSocket> {
  const socket = new BunPacketSocket(path, longestBytes);
  await socket.open(fd);
  return socket;
}

/**
 * Bun reads a socket packet by packet, each its own `data` event, also when it was paused, and tells `end`
 * after the last one. A write takes a whole packet or none (`write` gives 0; then `drain` follows).
 */
class BunPacketSocket implements PacketSocket {
  readonly #path: string;
  /** Of one write: what is longer is cut. */
  readonly #longestBytes: number;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isPaused = true;
  #hasEnded = false;
  #failure: Error | undefined;
  #socket: Bun.Socket<undefined> | undefined;
  /** Wakes the reader when there is something to read, or nothing any more. */
  #wakeReader = (): void => {};
  #wakeWriter = (): void => {};
  /** The end of the queue of senders. */
  #sending: Promise<void> = Promise.resolve();

  constructor(path: string, longestBytes: number) {
    this.#path = path;
    this.#longestBytes = longestBytes;
  }

  async open(fd: number): Promise<void> {
    this.#socket = await connectDescriptor(
      fd,
      {
        open: (socket) => {
          socket.pause();
        },
        data: (socket, packet) => this.#take(socket, packet),
        drain: () => this.#wakeWriter(),
        end: () => this.#finish(),
        close: (_, error) => this.#finish(error ?? undefined),
        error: (_, error) => this.#finish(error),
      },
      { allowHalfOpen: true },
    );
  }

  async *packets(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const packet = this.#waiting.shift();
      if (packet !== undefined) {
        this.#waitingBytes -= packet.length;
        yield packet;
      } else if (this.#failure !== undefined) {
        throw new UnavailableError(`Cannot read from "${this.#path}": ${this.#failure.message}`, {
          cause: this.#failure,
        });
      } else if (this.#hasEnded) {
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wakeReader = resolve;
        this.#resume();
        await promise;
      }
    }
  }

  send(payload: Uint8Array): Promise<void> {
    const sent = this.#sending.then(() => this.#sendAll(payload));
    this.#sending = sent.catch(() => {}); // told to that sender; the next one sees for itself
    return sent;
  }

  endWriting(): void {
    this.#sending = this.#sending.then(() => {
      this.#socket?.shutdown();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.terminate();
    this.#finish();
  }

  async #sendAll(payload: Uint8Array): Promise<void> {
    for (let at = 0; at < payload.length; ) {
      const packet = payload.subarray(at, at + this.#longestBytes);
      const socket = this.#socket;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeWriter = resolve;
      const written = socket === undefined ? -1 : socket.write(packet);
      if (written < 0) throw new UnavailableError(`Cannot write to "${this.#path}": it is closed`);
      if (written === 0) await promise;
      at += written;
    }
  }

  #take(socket: Bun.Socket<undefined>, packet: Uint8Array): void {
    this.#waiting.push(packet);
    this.#waitingBytes += packet.length;
    if (this.#waitingBytes >= MOST_WAITING_BYTES) {
      this.#isPaused = true;
      socket.pause();
    }
    this.#wakeReader();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  #finish(error?: Error): void {
    this.#hasEnded = true;
    this.#failure ??= error;
    this.#wakeReader();
    this.#wakeWriter();
  }
}
