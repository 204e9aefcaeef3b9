import type { Socket } from "node:net";
import { type Call, ServerConnection } from "#http1/connection.ts";
import { http2Begins } from "./http2-connection.ts";

export interface ConnectionLimits {
  /** Connections at once over all listeners; one more is told 503. */
  readonly maxConnections: number;
  /** Size of a request's head. */
  readonly maxHeaderBytes: number;
  /** How long a connection may be open without a request under way: dockerd's ReadHeaderTimeout. */
  readonly idleTimeoutMs: number;
}

export interface ConnectionsOptions extends ConnectionLimits {
  /** In each answer, as lines with their ends. */
  readonly commonFields: string;
  readonly onRequest: (call: Call) => void;
  /** Told of a client that has connected and does not say at once what it wants. */
  readonly onSilence?: () => void;
  /** For clients that speak HTTP/2 from the first byte on; the connection is the listener's. */
  readonly onHttp2?: (socket: Socket, firstBytes: Buffer) => void;
}

const BUSY_ANSWER =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" +
  '{"message":"Too many connections to the engine","kind":"unavailable"}\n';

/** Before its first bytes, HTTP/1, HTTP/2. */
type Phase =
  | { readonly kind: "silent"; readonly sinceMs: number }
  | { readonly kind: "http1"; readonly connection: ServerConnection }
  | { readonly kind: "http2" };

/** The clients' connections, of all listeners. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, Phase>();
  readonly #sweeper: NodeJS.Timeout;
  #isClosing = false;
  #date = { second: 0, text: "" };

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#closeIdle(), options.idleTimeoutMs / 4);
    this.#sweeper.unref();
  }

  accept(socket: Socket): void {
    socket.on("error", () => socket.destroy()); // a reset is an end like any other
    if (this.#isClosing || this.#open.size >= this.#options.maxConnections) {
      socket.end(BUSY_ANSWER);
      return;
    }
    this.#open.set(socket, { kind: "silent", sinceMs: performance.now() });
    socket.once("close", () => this.#open.delete(socket));
    const { onHttp2 } = this.#options;
    if (!onHttp2) return void this.#serve(socket);
    let begun: Buffer = Buffer.alloc(0);
    const onFirstBytes = (chunk: Buffer): void => {
      begun = begun.byteLength === 0 ? chunk : Buffer.concat([begun, chunk]);
      const begins = http2Begins(begun);
      if (begins === "maybe") return;
      socket.off("data", onFirstBytes);
      socket.off("end", onEnd);
      if (begins === "no") return this.#serve(socket).receive(begun);
      this.#open.set(socket, { kind: "http2" });
      onHttp2(socket, begun);
    };
    const onEnd = (): void => void socket.end();
    socket.on("data", onFirstBytes);
    socket.on("end", onEnd);
    setImmediate(() => {
      if (this.#open.get(socket)?.kind === "silent") this.#options.onSilence?.();
    });
  }

  /** Cuts who has no request under way; the others end with their answers. */
  closeIdle(): void {
    this.#isClosing = true;
    clearInterval(this.#sweeper);
    for (const [socket, phase] of this.#open) {
      if (idleSince(phase) !== undefined) socket.destroy();
    }
  }

  /** Cuts all. */
  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #serve(socket: Socket): ServerConnection {
    const { maxHeaderBytes, commonFields, onRequest } = this.#options;
    const connection = new ServerConnection(socket, {
      maxHeadBytes: maxHeaderBytes,
      commonFields,
      now: () => this.#now(),
      isOpen: () => !this.#isClosing,
      onRequest,
    });
    this.#open.set(socket, { kind: "http1", connection });
    return connection;
  }

  #closeIdle(): void {
    const limitMs = performance.now() - this.#options.idleTimeoutMs;
    for (const [socket, phase] of this.#open) {
      if ((idleSince(phase) ?? Infinity) < limitMs) socket.destroy();
    }
  }

  /** Date and time as answers have it, made once a second. */
  #now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#date.second) {
      this.#date = { second, text: new Date(second * 1000).toUTCString() };
    }
    return this.#date.text;
  }
}

function idleSince(phase: Phase): number | undefined {
  switch (phase.kind) {
    case "silent":
      return phase.sinceMs;
    case "http1":
      return phase.connection.idleSinceMs;
    case "http2":
      return undefined;
  }
}
