import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { Socket } from "node:net";
import { CancelledError, WharfError, firstFailure, messageOf } from "#base/errors.ts";
import type { AuthorizationCall, AuthorizationReply, Authorizer } from "#auth/authorizer.ts";
import { type ApiVersion, MAX_API_VERSION, parseApiVersion } from "#spec/engine-api/version.ts";
import { headEnd, limitReadAhead, mayBeHijack, withLegacyHijackMark } from "./connection.ts";
import {
  describeCall,
  describeFailure,
  HeldAnswer,
  readShownBody,
  withReadBody,
} from "./authorization.ts";
import { answerForError } from "./errors.ts";
import { type Exchange, type RequestContext, writePiece } from "./exchange.ts";
import { type HijackExchange, openHijack } from "./hijack.ts";
import { http2Begins, type Http2Service, serveHttp2 } from "./http2-connection.ts";
import { type ListenAddress, type Listener, openListener } from "./listeners.ts";
import type { ApiLog } from "./log.ts";
import { Query } from "./query.ts";
import { type Match, type Route, Router } from "./router.ts";
import { readJsonBody } from "./body.ts";

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
  /** Told of each answer, when its head has been written. */
  readonly onAnswer?: ApiObserver;
}

export type ApiObserver = (answer: {
  readonly method: string;
  /** As the route has it: `/containers/{id}/json`. */
  readonly path: string;
  readonly status: number;
  readonly seconds: number;
}) => void;

export interface ApiLimits {
  /** Connections at once over all listeners; one more is told 503. */
  readonly maxConnections: number;
  /** Size of a request's head. */
  readonly maxHeaderBytes: number;
  /** How long a connection may be open without a request under way: dockerd's ReadHeaderTimeout. */
  readonly idleTimeoutMs: number;
  /** How long an ending server waits for answers under way. */
  readonly closeGraceMs: number;
}

const DEFAULT_LIMITS: ApiLimits = {
  maxConnections: 8192,
  maxHeaderBytes: 64 * 1024,
  idleTimeoutMs: 5 * 60_000,
  closeGraceMs: 1000,
};

/** How long a refused upload may go on until its client has read the answer. */
const LINGER_MS = 2000;
const UPGRADED: AuthorizationReply = { status: 101, headers: {} };
const BUSY_ANSWER =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" +
  '{"message":"Too many connections to the engine","kind":"unavailable"}\n';

interface ConnectionState {
  /** Requests under way; a taken-over connection counts for its whole life. */
  active: number;
  idleSinceMs: number;
}

/** Serves the Engine API on any number of listeners. */
export class ApiServer implements AsyncDisposable {
  readonly #options: ApiServerOptions;
  readonly #limits: ApiLimits;
  readonly #router: Router;
  readonly #http: Server;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Map<Socket, ConnectionState>();
  readonly #underWay = new Map<
    AbortController,
    { readonly route: string; readonly beginMs: number }
  >();
  readonly #sweeper: NodeJS.Timeout;
  readonly #explain: (thrown: unknown) => unknown;
  #isClosing = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#explain = options.explain ?? ((thrown) => thrown);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#router = new Router(options.routes);
    this.#http = createServer(
      {
        maxHeaderSize: this.#limits.maxHeaderBytes,
        // A client that asks for h2c or the like on an ordinary endpoint gets an ordinary answer.
        shouldUpgradeCallback: (request: IncomingMessage) =>
          this.#match(request)?.match?.route.kind === "hijack",
      },
      (request, response) => void this.#onRequest(request, response),
    );
    // Idle connections are closed by #closeIdle; else each answer would bid clients to leave after 5 s.
    this.#http.keepAliveTimeout = 0;
    this.#http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#onUpgrade(request, socket, head);
    });
    this.#http.on("clientError", (_error: Error, socket: Socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      else socket.destroy();
    });
    this.#sweeper = setInterval(() => this.#closeIdle(), this.#limits.idleTimeoutMs / 4);
    this.#sweeper.unref();
  }

  /** @returns The listener's name, with the port that was taken. */
  async listen(address: ListenAddress): Promise<string> {
    const listener = await openListener(address, (socket) => this.#onConnection(socket));
    this.#listeners.push(listener);
    return listener.name;
  }

  /** Requests that are not answered to their end yet, oldest first. */
  underWay(): readonly { readonly route: string; readonly ageMs: number }[] {
    const nowMs = performance.now();
    return [...this.#underWay.values()].map(({ route, beginMs }) => ({
      route,
      ageMs: Math.trunc(nowMs - beginMs),
    }));
  }

  /** Stops accepting, ends streams, lets short answers finish within the grace, then cuts the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearInterval(this.#sweeper);
    const closed = Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
    for (const controller of this.#underWay.keys()) {
      controller.abort(new CancelledError("The engine is stopping"));
    }
    for (const [socket, state] of this.#connections) if (state.active === 0) socket.destroy();
    const cut = setTimeout(() => {
      for (const socket of this.#connections.keys()) socket.destroy();
    }, this.#limits.closeGraceMs);
    await closed;
    clearTimeout(cut);
  }

  #onConnection(socket: Socket): void {
    socket.on("error", () => socket.destroy()); // a reset is an end like any other
    if (this.#isClosing || this.#connections.size >= this.#limits.maxConnections) {
      socket.end(BUSY_ANSWER);
      return;
    }
    this.#connections.set(socket, { active: 0, idleSinceMs: performance.now() });
    socket.once("close", () => this.#connections.delete(socket));
    let begun: Buffer = Buffer.alloc(0);
    const onFirstBytes = (chunk: Buffer): void => {
      begun = begun.byteLength === 0 ? chunk : Buffer.concat([begun, chunk]);
      const http2 = this.#options.http2 ? http2Begins(begun) : "no";
      if (http2 === "maybe") return;
      if (http2 === "yes") {
        socket.off("data", onFirstBytes);
        void this.#serveHttp2(socket, begun);
        return;
      }
      const isOpenHead =
        mayBeHijack(begun) &&
        headEnd(begun) === undefined &&
        begun.byteLength < this.#limits.maxHeaderBytes;
      if (isOpenHead) return;
      socket.off("data", onFirstBytes);
      socket.pause();
      socket.unshift(withLegacyHijackMark(begun) ?? begun);
      this.#http.emit("connection", socket);
      socket.resume();
    };
    socket.on("data", onFirstBytes);
    socket.once("end", () => {
      if (this.#connections.get(socket)?.active === 0) socket.end();
    });
  }

  async #serveHttp2(socket: Socket, firstBytes: Buffer): Promise<void> {
    const { http2, authorizer, log } = this.#options;
    if (!http2) return;
    const done = this.#begin(socket);
    const controller = new AbortController();
    this.#underWay.set(controller, { route: "HTTP/2", beginMs: performance.now() });
    socket.once("close", () => {
      this.#underWay.delete(controller);
      controller.abort(new CancelledError("The client hung up"));
      done();
    });
    try {
      await serveHttp2(http2, { socket, firstBytes }, authorizer, controller.signal);
    } catch (error) {
      log.debug("A connection of HTTP/2 was ended", { error: messageOf(error) });
    }
    socket.destroy();
  }

  #closeIdle(): void {
    const limitMs = performance.now() - this.#limits.idleTimeoutMs;
    for (const [socket, state] of this.#connections) {
      if (state.active === 0 && state.idleSinceMs < limitMs) socket.destroy();
    }
  }

  /** Counts a request on its connection; the returned function takes it off again. */
  #begin(socket: Socket): () => void {
    const state = this.#connections.get(socket);
    if (!state) return () => {};
    state.active++;
    return () => {
      state.active--;
      state.idleSinceMs = performance.now();
      if (this.#isClosing && state.active === 0) socket.end();
    };
  }

  #headers(): Readonly<Record<string, string>> {
    return {
      "Api-Version": MAX_API_VERSION,
      "Docker-Experimental": String(this.#options.experimental),
      Ostype: "linux",
      Server: this.#options.product,
    };
  }

  #match(request: IncomingMessage): { readonly match?: Match; readonly version?: string } {
    const [path = ""] = (request.url ?? "").replace(/^https?:\/\/[^/]*/, "").split("?");
    const prefixed = /^\/v([0-9.]+)(\/.*)$/.exec(path);
    const match = this.#router.find(request.method ?? "", prefixed?.[2] ?? path);
    return { ...(match && { match }), ...(prefixed?.[1] && { version: prefixed[1] }) };
  }

  #context(
    request: IncomingMessage,
    found: Match,
    version: ApiVersion,
    signal: AbortSignal,
  ): RequestContext {
    const url = request.url ?? "";
    const mark = url.indexOf("?");
    return {
      version,
      params: found.params,
      query: new Query(mark < 0 ? "" : url.slice(mark + 1)),
      signal,
      explain: this.#explain,
    };
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const done = this.#begin(socket);
    const controller = this.#track(request);
    response.once("close", () => {
      this.#underWay.delete(controller);
      controller.abort(new CancelledError("The client hung up"));
      done();
    });
    if (hasBody(request)) this.#guardBody(request, response, socket);
    for (const [name, value] of Object.entries(this.#headers())) response.setHeader(name, value);
    try {
      const { match, version } = this.#match(request);
      if (!match) return sendError(response, 404, { message: "page not found", kind: "not-found" });
      this.#logCall(request);
      const shape = version === undefined ? MAX_API_VERSION : parseApiVersion(version);
      if (this.#options.onAnswer) this.#observe(response, match.route, this.#options.onAnswer);
      const context = this.#context(request, match, shape, controller.signal);
      await this.#serve(match.route, { ...context, request, response });
    } catch (error) {
      this.#fail(request, error, (status, body) => {
        if (response.headersSent) response.destroy();
        else sendError(response, status, body);
      });
    }
  }

  async #serve(route: Route, exchange: Exchange): Promise<void> {
    const { authorizer } = this.#options;
    if (!authorizer?.isActive) return await handle(route, exchange);
    const { request, response, signal } = exchange;
    // the body of an attach is the container's input
    const isInput = route.kind === "hijack" && route.path.endsWith("/attach");
    const body = isInput ? undefined : await readShownBody(request, request);
    const call = describeCall(request, body);
    await authorizer.checkCall(call, signal);
    const held = new HeldAnswer(response);
    const shown = body ? { request: withReadBody(request, body) } : {};
    try {
      await handle(route, { ...exchange, ...shown, response: held.response });
    } catch (error) {
      await this.#tell(authorizer, call, describeFailure(error));
      throw error;
    }
    const reply = held.describe(call.uri);
    if (held.isPassing) return await this.#tell(authorizer, call, reply);
    await authorizer.checkReply(call, reply, signal);
    held.release();
  }

  /** Plugins hear of what failed or is sent already, but cannot change it. */
  async #tell(
    authorizer: Authorizer,
    call: AuthorizationCall,
    reply: AuthorizationReply,
  ): Promise<void> {
    try {
      await authorizer.checkReply(call, reply);
    } catch (denial) {
      this.#options.log.debug(`Too late to deny ${call.method} ${call.uri}`, {
        error: messageOf(denial),
      });
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const done = this.#begin(socket);
    const controller = this.#track(request);
    socket.once("close", () => {
      this.#underWay.delete(controller);
      controller.abort(new CancelledError("The client hung up"));
      done();
    });
    const { match, version } = this.#match(request);
    if (match?.route.kind !== "hijack") return void socket.destroy();
    this.#logCall(request);
    let exchange: HijackExchange | undefined;
    let isAnswered = false;
    try {
      const context = this.#context(request, match, MAX_API_VERSION, controller.signal);
      exchange = openHijack({ request, socket, head, context, headers: this.#headers() });
      const opened = exchange;
      const shape = version === undefined ? MAX_API_VERSION : parseApiVersion(version);
      const call = await this.#authorizeUpgrade(request, opened);
      await match.route.handle({
        ...opened,
        version: shape,
        accept: (contentType) => {
          isAnswered = true;
          return opened.accept(contentType);
        },
        takeSocket: () => {
          isAnswered = true;
          return opened.takeSocket();
        },
      });
      if (call) await this.#tell(call.authorizer, call.call, UPGRADED);
    } catch (error) {
      this.#fail(request, error, (status, body) => {
        if (isAnswered || !exchange) socket.destroy();
        else
          exchange.respond(
            status,
            { "Content-Type": "application/json" },
            `${JSON.stringify(body)}\n`,
          );
      });
    }
  }

  async #authorizeUpgrade(
    request: IncomingMessage,
    exchange: HijackExchange,
  ): Promise<{ authorizer: Authorizer; call: AuthorizationCall } | undefined> {
    const { authorizer } = this.#options;
    if (!authorizer?.isActive) return undefined;
    const call = describeCall(request, await readShownBody(request, exchange.peekBody()));
    await authorizer.checkCall(call, exchange.signal);
    return { authorizer, call };
  }

  /** Names of parameters only: a value may be a secret (`buildargs`). */
  #logCall({ method, url = "" }: IncomingMessage): void {
    const [path = "", query = ""] = url.split("?", 2);
    const parameters = [...new URLSearchParams(query).keys()].join(",");
    this.#options.log.debug(`Calling ${method} ${path}`, { parameters });
  }

  #observe(response: ServerResponse, { method, path }: Route, observer: ApiObserver): void {
    const beginMs = performance.now();
    const writeHead = response.writeHead.bind(response);
    response.writeHead = (status: number, ...rest: never[]): ServerResponse => {
      observer({ method, path, status, seconds: (performance.now() - beginMs) / 1000 });
      return writeHead(status, ...rest);
    };
  }

  #track(request: IncomingMessage): AbortController {
    const controller = new AbortController();
    const route = `${request.method} ${(request.url ?? "").split("?")[0]}`;
    this.#underWay.set(controller, { route, beginMs: performance.now() });
    return controller;
  }

  #fail(
    request: IncomingMessage,
    failure: unknown,
    respond: (status: number, body: object) => void,
  ): void {
    const error = firstFailure(failure);
    const { status, body, isBug } = answerForError(this.#explain(error));
    const route = `${request.method} ${(request.url ?? "").split("?")[0]}`;
    const { log } = this.#options;
    if (error !== failure) {
      log.error(`Undoing of ${route} failed`, { error: messageOf(failure) });
    }
    if (isBug && !isHangUp(request, error)) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error(`Handler for ${route} failed`, { error: detail });
    } else if (!(error instanceof WharfError && error.kind === "cancelled")) {
      log.debug(`Handler for ${route} returned error`, { error: messageOf(error), status });
    }
    respond(status, body);
  }

  /** Bounds what waits of a body, and the stay of a client that goes on uploading after a refusal. */
  #guardBody(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
    limitReadAhead(request, socket);
    response.once("finish", () => {
      if (request.complete || socket.destroyed) return;
      request.resume();
      socket.end();
      const cut = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(cut));
    });
  }
}

async function handle(route: Route, exchange: Exchange): Promise<void> {
  if (route.kind === "answer") await route.handle(exchange);
  else await route.handle(asHijack(exchange));
}

/** The client went in the middle of its body: no fault of ours, and nothing for the log at each time. */
function isHangUp(request: IncomingMessage, error: unknown): boolean {
  if (request.complete || !(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ECONNRESET" || error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  return (
    request.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0")
  );
}

function sendError(response: ServerResponse, status: number, body: object): void {
  if (status === 304) {
    response.writeHead(status);
    response.end();
    return;
  }
  const payload = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": payload.byteLength,
  });
  response.end(payload);
}

/** A takeover by proper HTTP: input as the request's body, output as the answer's. */
function asHijack(exchange: Exchange): HijackExchange {
  const { request, response } = exchange;
  return {
    ...exchange,
    isUpgrade: false,
    skipBody: async () => {}, // the body is the input
    peekBody: async function* peekBody() {},
    readJsonBody: () => readJsonBody(request),
    accept: (contentType) => {
      response.writeHead(200, { "Content-Type": contentType });
      response.flushHeaders();
      return {
        input: () => request,
        write: (bytes) => writePiece(exchange, bytes),
        end: () =>
          new Promise((resolve) => {
            response.end(() => resolve());
          }),
      };
    },
    takeSocket: () => {
      throw new CancelledError("The request asks for no upgrade of the connection");
    },
    respond: (status, headers, body) => {
      response.writeHead(status, headers);
      response.end(body);
    },
  };
}
