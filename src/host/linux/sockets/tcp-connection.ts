import { UnavailableError } from "#base/errors.ts";
import type { TcpConnection } from "#host/sockets.ts";
import { describe, errnoOf } from "#host/linux/ffi/errno.ts";
import type { JsThread } from "#host/linux/thread.ts";

export interface TcpTarget {
  readonly namespacePath: string;
  readonly address: string;
  readonly port: number;
}

/**
 * Bun makes the socket of an IP address, and begins to connect, before `Bun.connect` returns: it belongs to
 * the namespace that the thread is in then, and stays there.
 */
export async function connectTcp(
  thread: JsThread,
  target: TcpTarget,
  signal: AbortSignal,
): Promise<TcpConnection> {
  signal.throwIfAborted();
  const connection = new BunTcpConnection();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    connection[Symbol.dispose]();
    reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const { opened } = thread.inNetwork(target.namespacePath, () => ({
      opened: connection.open(target.address, target.port),
    }));
    await Promise.race([opened, aborted]);
    return connection;
  } catch (error) {
    signal.throwIfAborted();
    const errno = errnoOf(error);
    throw new UnavailableError(errno === undefined ? "connection failed" : describe(errno), {
      cause: error,
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class BunTcpConnection implements TcpConnection {
  readonly #waiting: Uint8Array[] = [];
  #socket: Bun.Socket<undefined> | undefined;
  #isOver = false;
  /** Wakes the reader when there is something to read, or nothing any more. */
  #wakeReader = (): void => {};

  async open(hostname: string, port: number): Promise<void> {
    const connecting = Bun.connect<undefined>({
      hostname,
      port,
      socket: {
        data: (socket, bytes) => {
          this.#waiting.push(new Uint8Array(bytes));
          socket.pause();
          this.#wakeReader();
        },
        end: () => this.#finish(),
        close: () => this.#finish(),
        error: () => this.#finish(),
      },
    });
    const socket = await connecting;
    if (this.#isOver) socket.terminate();
    else this.#socket = socket;
  }

  async *data(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const bytes = this.#waiting.shift();
      if (bytes) {
        yield bytes;
        continue;
      }
      if (this.#isOver) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeReader = resolve;
      this.#socket?.resume();
      await promise;
    }
  }

  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  [Symbol.dispose](): void {
    this.#finish();
    this.#socket?.terminate();
  }

  #finish(): void {
    this.#isOver = true;
    this.#wakeReader();
  }
}
