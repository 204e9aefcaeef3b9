import { connect as connectNet, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { deferred } from "#base/async.ts";
import { UnavailableError } from "#base/errors.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ENOENT: "connect: no such file or directory",
  EACCES: "connect: permission denied",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "temporary failure in name resolution",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "connect: connection timed out",
};

export type StreamTarget =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly kind: "tls";
      readonly host: string;
      readonly port: number;
      /** PEM. */
      readonly ca?: string;
      readonly cert?: string;
      readonly key?: string;
      readonly isChecked: boolean;
    };

/** A connection to a receiver of logs. Once it has failed it stays so: the caller opens another. */
export class StreamConnection implements Disposable {
  readonly #socket: Socket;
  readonly #name: string;
  #failure: Error | undefined;
  #received: Buffer = Buffer.alloc(0);
  #more = deferred();

  private constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the receiver closed the connection")));
    socket.on("data", (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
  }

  /** @throws {UnavailableError} In the words of Go's dialer: `dial tcp 127.0.0.1:24224: connect: …`. */
  static async open(target: StreamTarget, signal: AbortSignal): Promise<StreamConnection> {
    signal.throwIfAborted();
    const name = nameOf(target);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = dial(target, resolve);
    const giveUp = (): void => reject(signal.reason);
    const timer = setTimeout(() => reject(new Error("i/o timeout")), CONNECT_TIMEOUT_MS);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("EOF")));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await promise;
    } catch (error) {
      socket.on("error", () => undefined); // it is given up
      socket.destroy();
      signal.throwIfAborted();
      throw new UnavailableError(`dial ${name}: ${reasonOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.off("error", reject);
    }
    return new StreamConnection(socket, name);
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** Resolves when the kernel has it. @throws {UnavailableError} The connection has failed. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      await promise;
    } catch (error) {
      this[Symbol.dispose](); // part of it may be on the way: nothing may follow
      signal.throwIfAborted();
      throw new UnavailableError(`write ${this.#name}: ${reasonOf(error)}`, { cause: error });
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    this.#check(signal);
  }

  /**
   * Waits for an answer.
   *
   * @param take Gets what was received and not taken; tells how many bytes it takes, 0 for too few.
   */
  async read(take: (received: Buffer) => number, signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const taken = take(this.#received);
        this.#received = this.#received.subarray(taken);
        if (taken > 0) return;
        this.#check(signal);
        await this.#more.promise;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  [Symbol.dispose](): void {
    this.#fail(new Error("use of closed network connection"));
    this.#socket.destroy();
  }

  /** Sends what is on the way, then closes. */
  async finish(): Promise<void> {
    if (!this.isOpen) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#failure) {
      throw new UnavailableError(`write ${this.#name}: ${reasonOf(this.#failure)}`);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    const more = this.#more;
    this.#more = deferred();
    more.resolve();
  }
}

function dial(target: StreamTarget, onOpen: () => void): Socket {
  switch (target.kind) {
    case "unix":
      return connectNet({ path: target.path }, onOpen);
    case "tcp":
      return connectNet({ host: target.host, port: target.port }, onOpen);
    case "tls":
      return connectTls(
        {
          host: target.host,
          port: target.port,
          ...(isIP(target.host) ? {} : { servername: target.host }),
          rejectUnauthorized: target.isChecked,
          ...(target.ca === undefined ? {} : { ca: target.ca }),
          ...(target.cert === undefined ? {} : { cert: target.cert }),
          ...(target.key === undefined ? {} : { key: target.key }),
        },
        onOpen,
      );
  }
}

function nameOf(target: StreamTarget): string {
  if (target.kind === "unix") return `unix ${target.path}`;
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return `tcp ${host}:${target.port}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return REASONS[code] ?? error.message;
}
