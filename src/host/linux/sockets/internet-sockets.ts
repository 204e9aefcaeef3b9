import { UnavailableError } from "#base/errors.ts";
import type {
  InternetSockets,
  SocketPlace,
  TcpListener,
  TcpStream,
  TcpStreamEvents,
  UdpConnection,
  UdpListener,
} from "#host/internet-sockets.ts";
import { errnoOf, systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";
import type { JsThread } from "#host/linux/thread.ts";

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

/**
 * Bun makes the socket of an IP address before the call returns, also where it gives a promise: it belongs to
 * the namespace that the thread is in then.
 */
export class LinuxInternetSockets implements InternetSockets {
  readonly #libc: Libc;
  readonly #thread: JsThread;

  constructor(options: { readonly libc: Libc; readonly thread: JsThread }) {
    this.#libc = options.libc;
    this.#thread = options.thread;
  }

  async listenUdp(
    place: SocketPlace & { readonly receiveBufferBytes: number },
    onDatagram: (payload: Buffer, port: number, address: string) => void,
  ): Promise<UdpListener> {
    const socket = await this.#open(`Cannot listen at UDP ${textOf(place)}`, place, () =>
      Bun.udpSocket({
        hostname: place.address,
        port: place.port,
        socket: {
          data: (_socket, payload, port, address) => onDatagram(payload, port, address),
          error: () => {}, // a client that is gone: its business
        },
      }),
    );
    // Without the right (CAP_NET_ADMIN) the kernel's default stays, which serves as well under less load.
    const bytes = Int32Array.of(place.receiveBufferBytes / 2); // the kernel doubles it
    this.#libc.call.setsockopt(descriptorOf(socket), SOL_SOCKET, SO_RCVBUFFORCE, bytes, 4);
    return {
      port: socket.port,
      send: (payload, port, address) => void socket.send(payload, port, address),
      [Symbol.dispose]: () => socket.close(),
    };
  }

  async connectUdp(
    place: SocketPlace,
    events: { onDatagram(payload: Buffer): void; onRefused(): void },
  ): Promise<UdpConnection> {
    const socket = await this.#open(`Cannot send to UDP ${textOf(place)}`, place, () =>
      Bun.udpSocket({
        hostname: place.address.includes(":") ? "::" : "0.0.0.0",
        connect: { hostname: place.address, port: place.port },
        socket: {
          data: (_socket, payload) => events.onDatagram(payload),
          error: () => events.onRefused(),
        },
      }),
    );
    return {
      send: (payload) => void socket.send(payload),
      [Symbol.dispose]: () => socket.close(),
    };
  }

  listenTcp(place: SocketPlace, onStream: (stream: TcpStream) => TcpStreamEvents): TcpListener {
    try {
      const listener = this.#at(place, () =>
        Bun.listen<BunStream | undefined>({
          hostname: place.address,
          port: place.port,
          socket: streamHandlers(onStream),
        }),
      );
      return { port: listener.port, [Symbol.dispose]: () => listener.stop(true) };
    } catch (error) {
      throw asSystemError(`Cannot listen at TCP ${textOf(place)}`, error);
    }
  }

  async connectTcp(
    place: SocketPlace,
    events: TcpStreamEvents,
    signal: AbortSignal,
  ): Promise<TcpStream> {
    const attempt = `Cannot connect to TCP ${textOf(place)}`;
    const connecting = this.#open(attempt, place, () =>
      Bun.connect<BunStream | undefined>({
        hostname: place.address,
        port: place.port,
        data: undefined,
        socket: streamHandlers(() => events),
      }),
    );
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(new UnavailableError(`${attempt}: no answer in time`));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const { data } = await Promise.race([connecting, aborted]);
      if (!data) throw new UnavailableError(`${attempt}: closed at once`);
      return data;
    } catch (error) {
      // when it succeeds after all, nobody wants it any more
      void connecting.then(
        (socket) => socket.terminate(),
        () => undefined,
      );
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #open<T>(attempt: string, place: SocketPlace, make: () => Promise<T>): Promise<T> {
    try {
      return await this.#at(place, () => ({ opened: make() })).opened;
    } catch (error) {
      throw asSystemError(attempt, error);
    }
  }

  #at<T>({ namespacePath }: SocketPlace, work: () => T): T {
    return namespacePath === undefined ? work() : this.#thread.inNetwork(namespacePath, work);
  }
}

function streamHandlers(
  onStream: (stream: TcpStream) => TcpStreamEvents,
): Bun.SocketHandler<BunStream | undefined> {
  return {
    open: (socket) => {
      const stream = new BunStream(socket);
      socket.data = stream;
      stream.events = onStream(stream);
    },
    data: (socket, bytes) => socket.data?.events?.onData(new Uint8Array(bytes)),
    drain: (socket) => socket.data?.drained(),
    end: (socket) => socket.data?.ended(),
    close: (socket) => socket.data?.ended(),
    error: (socket) => socket.data?.ended(),
  };
}

/** Bun's `write` takes what the kernel takes; the rest is kept here until there is room. */
class BunStream implements TcpStream {
  readonly #socket: Bun.Socket<BunStream | undefined>;
  #unsent: Uint8Array = new Uint8Array();
  #isOver = false;
  #wakeWriter = (): void => {};
  events: TcpStreamEvents | undefined;

  constructor(socket: Bun.Socket<BunStream | undefined>) {
    this.#socket = socket;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isOver) return;
    this.#unsent = bytes.subarray(Math.max(0, this.#socket.write(bytes)));
    if (this.#unsent.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeWriter = resolve;
    await promise;
  }

  drained(): void {
    this.#unsent = this.#unsent.subarray(Math.max(0, this.#socket.write(this.#unsent)));
    if (this.#unsent.length === 0) this.#wakeWriter();
  }

  ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wakeWriter();
    this.#socket.terminate();
    this.events?.onEnd();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#wakeWriter();
    this.#socket.terminate();
  }
}

function textOf({ address, port }: SocketPlace): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Bun's types do not declare the property. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}

function asSystemError(attempt: string, error: unknown): unknown {
  const errno = errnoOf(error);
  return errno === undefined ? error : systemError(attempt, errno);
}
