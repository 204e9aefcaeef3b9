import type { Socket } from "node:net";
import { CancelledError, messageOf } from "#base/errors.ts";
import type { Authorizer } from "#auth/authorizer.ts";
import { formatFields } from "#http1/answer.ts";
import { MAX_API_VERSION } from "#spec/engine-api/version.ts";
import type { ApiLog } from "./log.ts";
import type { Route } from "./router.ts";
import { Calls } from "./server/calls.ts";
import { type ConnectionLimits, Connections } from "./server/connections.ts";
import { type ApiObserver, Dispatcher } from "./server/dispatcher.ts";
import { type Http2Service, serveHttp2 } from "./server/http2-connection.ts";
import { type ListenAddress, type Listener, openListener } from "./server/listeners.ts";

export interface ApiServerOptions {
  readonly routes: readonly Route[];
  /** `Server` header: `Wharf/1.0.0 (linux)`. */
  readonly product: string;
  readonly experimental: boolean;
  readonly log: ApiLog;
  /** Asked about every request and answer; absent: everybody who reaches the API may do everything. */
  readonly authorizer?: Authorizer;
  readonly limits?: Partial<ApiLimits>;
  /** Puts an error of the host into words that help, or leaves it as it is. */
  readonly explain?: (thrown: unknown) => unknown;
  /** For clients that speak HTTP/2 from the first byte on; absent: they are told that this is HTTP/1. */
  readonly http2?: Http2Service;
  readonly onAnswer?: ApiObserver;
  /** Told of a client that has connected and does not say at once what it wants. */
  readonly onSilence?: () => void;
}

export interface ApiLimits extends ConnectionLimits {
  /** How long an ending server waits for answers under way. */
  readonly closeGraceMs: number;
}

const DEFAULT_LIMITS: ApiLimits = {
  maxConnections: 8192,
  maxHeaderBytes: 64 * 1024,
  idleTimeoutMs: 5 * 60_000,
  closeGraceMs: 1000,
};

/** Serves the Engine API on any number of listeners. */
export class ApiServer implements AsyncDisposable {
  readonly #options: ApiServerOptions;
  readonly #limits: ApiLimits;
  readonly #listeners: Listener[] = [];
  readonly #calls = new Calls();
  readonly #connections: Connections;
  #isClosing = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const headers = {
      "Api-Version": MAX_API_VERSION,
      "Docker-Experimental": String(options.experimental),
      Ostype: "linux",
      Server: options.product,
    };
    const dispatcher = new Dispatcher({
      routes: options.routes,
      calls: this.#calls,
      log: options.log,
      authorizer: options.authorizer,
      explain: options.explain ?? ((thrown) => thrown),
      onAnswer: options.onAnswer,
      headers,
    });
    const { http2, onSilence } = options;
    this.#connections = new Connections({
      ...this.#limits,
      commonFields: formatFields(headers),
      onRequest: dispatcher.onRequest,
      ...(onSilence ? { onSilence } : {}),
      ...(http2 ? { onHttp2: (socket, bytes) => void this.#serveHttp2(http2, socket, bytes) } : {}),
    });
  }

  /** @returns The listener's name, with the port that was taken. */
  async listen(address: ListenAddress): Promise<string> {
    const listener = await openListener(address, (socket) => this.#connections.accept(socket));
    this.#listeners.push(listener);
    return listener.name;
  }

  /** Requests that are not answered to their end yet, oldest first. */
  underWay(): readonly { readonly route: string; readonly ageMs: number }[] {
    return this.#calls.list();
  }

  /** Stops accepting, ends streams, lets short answers finish within the grace, then cuts the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const closed = Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
    this.#calls.abortAll(new CancelledError("The engine is stopping"));
    this.#connections.closeIdle();
    const cut = setTimeout(() => this.#connections.destroy(), this.#limits.closeGraceMs);
    await closed;
    clearTimeout(cut);
  }

  async #serveHttp2(service: Http2Service, socket: Socket, firstBytes: Buffer): Promise<void> {
    const { authorizer, log } = this.#options;
    const call = this.#calls.begin(() => "HTTP/2");
    socket.once("close", () => {
      call.hangUp();
      call.over();
    });
    try {
      await serveHttp2(service, { socket, firstBytes }, authorizer, call.signal);
    } catch (error) {
      log.debug("A connection of HTTP/2 was ended", { error: messageOf(error) });
    }
    socket.destroy();
  }
}
