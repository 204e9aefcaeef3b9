import { CancelledError, UnavailableError, WharfError } from "#base/errors.ts";
import { compareApiVersions, negotiateApiVersion, newestApiVersion } from "./api-version.ts";
import type { Connection } from "./connection.ts";
import type { TlsMaterial } from "./connect-socket.ts";
import { dialEndpoint } from "./dial.ts";
import type { Endpoint } from "./endpoint.ts";
import { EngineUnreachableError, errorFromAnswer, unreachableError } from "./error-response.ts";
import { closeOnAbort } from "./close-on-abort.ts";
import { EngineResponse, SourceError } from "./engine-response.ts";
import { HijackedStream } from "./hijacked-stream.ts";
import {
  type HttpHead,
  type HttpRequest,
  MalformedAnswerError,
  UnexpectedEndError,
  readHead,
  sendRequest,
} from "./http1.ts";
import { parseJsonStream } from "./json-stream.ts";
import { type QueryValue, encodeQuery } from "./query.ts";

export interface EngineClientOptions {
  readonly endpoint: Endpoint;
  readonly tls?: TlsMaterial;
  /** Sent with every request (`HttpHeaders` of the configuration). */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Pins the version (`DOCKER_API_VERSION`) and spares the ping. */
  readonly apiVersion?: string;
  /** Makes connections; tests put their own here. */
  readonly connect?: () => Promise<Connection>;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** The same, for a body that depends on the version that is spoken. */
  readonly jsonFor?: (apiVersion: string) => unknown;
  /** Sent as it comes, in chunks; `contentType` says what it is. */
  readonly stream?: AsyncIterable<Uint8Array>;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Leaves the `/v1.NN` prefix out: `_ping`, and `version` before negotiation. */
  readonly unversioned?: boolean;
  /** An abort closes the connection; the engine sees its client hang up. */
  readonly signal?: AbortSignal;
}

/** What `_ping` says about an engine. */
export interface PingAnswer {
  readonly apiVersion: string | undefined;
  readonly osType: string | undefined;
  readonly builderVersion: string | undefined;
  readonly experimental: boolean;
  /** `inactive`, `active/manager`, …; undefined where the engine does not say. */
  readonly swarm: string | undefined;
  /** `Wharf/1.0.0 (linux)`, `Docker/28.5.2 (linux)`. */
  readonly product: string | undefined;
}

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** An open client keeps idle connections; close it by `await using` or `close()`. */
export function openEngineClient(options: EngineClientOptions): EngineClient {
  return new EngineClient(options);
}

const maxIdleConnections = 4;
/** A connection that was opened before anything was asked is taken no later; an engine keeps a silent one for minutes. */
const maxEarlyMs = 1000;

export class EngineClient implements AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly #options: EngineClientOptions;
  readonly #idle: Connection[] = [];
  #version: Promise<string> | undefined;
  /** Connections to open once the engine is known to answer. */
  #wantedAhead = 0;
  /** Not asked anything yet. */
  #early:
    | { readonly sinceMs: number; readonly dialling: Promise<Connection | undefined> }
    | undefined;
  #isClosed = false;
  #ping: Promise<PingAnswer> | undefined;

  constructor(options: EngineClientOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
  }

  /** The version that requests carry: pinned, or agreed with the engine at the first need. */
  apiVersion(): Promise<string> {
    const pinned = this.#options.apiVersion;
    this.#version ??= pinned
      ? Promise.resolve(pinned)
      : this.ping().then((answer) => negotiateApiVersion(answer.apiVersion));
    return this.#version;
  }

  /** Asked once per client. */
  ping(): Promise<PingAnswer> {
    this.#ping ??= this.#sendPing();
    return this.#ping;
  }

  /** @throws {WharfError} By kind for an answer of 400 and above; unreachable engines are `unavailable`. */
  async request(
    method: Method,
    path: string,
    options: RequestOptions = {},
  ): Promise<EngineResponse> {
    const opened = await this.#open(method, path, options);
    const response = this.#response(method, opened, options.signal);
    const { head, target } = opened;
    if (head.status < 400) return response;
    const body = await response.text();
    throw errorFromAnswer(head.status, head.reason, body, target);
  }

  async getJson<Answer>(path: string, options?: RequestOptions): Promise<Answer> {
    return (await this.request("GET", path, options)).json<Answer>();
  }

  async postJson<Answer>(path: string, options?: RequestOptions): Promise<Answer> {
    return (await this.request("POST", path, options)).json<Answer>();
  }

  async deleteJson<Answer>(path: string, options?: RequestOptions): Promise<Answer> {
    return (await this.request("DELETE", path, options)).json<Answer>();
  }

  /** For answers whose body does not matter. @returns The status: 204, or 304 where nothing changed. */
  async send(method: Method, path: string, options?: RequestOptions): Promise<number> {
    const response = await this.request(method, path, options);
    await response.discard();
    return response.status;
  }

  /** Messages of a stream of JSON lines, as they come. */
  async *messages<Message>(
    method: Method,
    path: string,
    options?: RequestOptions,
  ): AsyncGenerator<Message> {
    const response = await this.request(method, path, options);
    yield* parseJsonStream<Message>(response.body());
  }

  /**
   * Takes the connection over for a container's streams (attach, exec start).
   *
   * @returns A stream that the caller closes.
   */
  async hijack(path: string, options: RequestOptions = {}): Promise<HijackedStream> {
    const headers = { ...options.headers, Connection: "Upgrade", Upgrade: "tcp" };
    const { target, connection, head } = await this.#open("POST", path, { ...options, headers });
    if (head.status !== 101 && head.status !== 200) {
      const response = new EngineResponse(connection, "POST", head, {
        release: () => connection.close(),
      });
      throw errorFromAnswer(head.status, head.reason, await response.text(), target);
    }
    return new HijackedStream(connection, head.headers.get("content-type"));
  }

  /**
   * Takes a connection over for another protocol, without a version in the path: BuildKit's `/grpc` and `/session`.
   *
   * @param headers A list is sent as so many headers.
   * @returns The bare connection, which the caller closes.
   */
  async takeOver(
    path: string,
    protocol: string,
    headers: Readonly<Record<string, string | readonly string[]>> = {},
    signal?: AbortSignal,
  ): Promise<Connection> {
    const all = { ...headers, Connection: "Upgrade", Upgrade: protocol };
    const options = { headers: all, unversioned: true, ...(signal ? { signal } : {}) };
    const { connection, head } = await this.#exchange("POST", path, options);
    if (head.status === 101) return connection;
    const response = new EngineResponse(connection, "POST", head, {
      release: () => connection.close(),
    });
    throw errorFromAnswer(head.status, head.reason, await response.text(), path);
  }

  /**
   * Says that `count` more connections will be needed soon: they are opened beside the next request. What
   * comes of one that fails, the request that would have used it finds out.
   */
  connectAhead(count: number): void {
    this.#wantedAhead = count;
  }

  /**
   * Opens the next request's connection now, before it is known what to ask: an engine on this host makes ready for
   * what may come. Of one that fails the request finds out.
   */
  connectNow(): void {
    if (this.endpoint.kind !== "unix") return;
    const dialling = this.#connect().catch(() => undefined);
    this.#early = { sinceMs: performance.now(), dialling };
  }

  close(): void {
    this.#isClosed = true;
    void this.#early?.dialling.then((connection) => connection?.close());
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #sendPing(): Promise<PingAnswer> {
    const response = await this.request("HEAD", "/_ping", { unversioned: true });
    await response.discard();
    return {
      apiVersion: response.header("api-version"),
      osType: response.header("ostype"),
      builderVersion: response.header("builder-version"),
      experimental: response.header("docker-experimental") === "true",
      swarm: response.header("swarm"),
      product: response.header("server"),
    };
  }

  /**
   * The first request of a client goes out at the newest version: an engine that is older refuses that before it
   * looks at anything else, and says its own. So no command waits for a ping; only what cannot be sent twice does.
   */
  async #open(method: Method, path: string, options: SentOptions): Promise<Opened> {
    const isKnown = this.#version !== undefined || this.#options.apiVersion !== undefined;
    if (options.unversioned) return this.#openAt(undefined, method, path, options);
    if (isKnown || options.stream) {
      return this.#openAt(await this.apiVersion(), method, path, options);
    }
    const first = await this.#openAt(newestApiVersion, method, path, options);
    const isRefused = first.head.status === 400;
    const said = first.head.headers.get("api-version");
    const offered = said ?? (isRefused ? (await this.ping()).apiVersion : newestApiVersion);
    const version = negotiateApiVersion(offered);
    this.#version ??= Promise.resolve(version);
    if (!isRefused || compareApiVersions(version, newestApiVersion) === 0) return first;
    await this.#response(method, first).discard();
    return this.#openAt(version, method, path, options);
  }

  #response(method: Method, opened: Opened, signal?: AbortSignal): EngineResponse {
    const { connection, head, sending } = opened;
    const release = (): void => this.#release(connection, head);
    return new EngineResponse(connection, method, head, { signal, sending, release });
  }

  async #openAt(
    version: string | undefined,
    method: Method,
    path: string,
    options: SentOptions,
  ): Promise<Opened> {
    const prefix = version === undefined ? "" : `/v${version}`;
    const target = `${prefix}${path}${encodeQuery(options.query ?? {})}`;
    const json = options.jsonFor?.(version ?? newestApiVersion) ?? options.json;
    return { target, ...(await this.#exchange(method, target, { ...options, json })) };
  }

  /** Sends a request and waits for the answer's head; a streamed body may still be under way. */
  async #exchange(method: Method, target: string, options: SentOptions): Promise<Exchange> {
    for (;;) {
      if (options.signal?.aborted) throw new CancelledError("request cancelled");
      const early = await this.#takeEarly();
      const idle = early ?? this.#takeIdle();
      const connection = idle ?? (await this.#connect());
      using abort = closeOnAbort(connection, options.signal);
      try {
        const exchanging = exchange(connection, this.#toHttp(method, target, options));
        this.#dialAhead();
        return await exchanging;
      } catch (error) {
        connection.close();
        if (abort.happened()) throw new CancelledError("request cancelled", { cause: error });
        // The engine may close an idle connection at the moment that we take it up.
        const mayRepeat = idle && (method === "GET" || method === "HEAD");
        if (mayRepeat && error instanceof UnexpectedEndError && error.isBeforeAnswer) continue;
        throw this.#explain(error);
      }
    }
  }

  /** Failures of the connection itself, TLS alerts among them, become docker's words. */
  #explain(error: unknown): unknown {
    const { text, kind } = this.endpoint;
    if (error instanceof SourceError) return error.cause;
    const isPlainTcp = kind === "tcp" && !this.#options.tls;
    const hint = "* Are you trying to connect to a TLS-enabled daemon without TLS?";
    if (error instanceof MalformedAnswerError && isPlainTcp) {
      return new EngineUnreachableError(text, "tls", `${error.message}.\n${hint}`, error);
    }
    // a server of Node's or OpenSSL's hangs up without a word
    if (error instanceof UnexpectedEndError && error.isBeforeAnswer && isPlainTcp) {
      const { message } = unreachableError(text, error);
      return new EngineUnreachableError(text, "other", `${message}.\n${hint}`, error);
    }
    const isOurs = error instanceof WharfError && !(error instanceof UnexpectedEndError);
    return isOurs ? error : unreachableError(text, error);
  }

  #toHttp(method: Method, target: string, options: SentOptions): HttpRequest {
    const { endpoint, userAgent, headers } = this.#options;
    const body =
      options.json === undefined
        ? options.stream
        : new TextEncoder().encode(JSON.stringify(options.json));
    const contentType = options.json === undefined ? options.contentType : "application/json";
    return {
      method,
      target,
      headers: {
        Host: endpoint.kind === "tcp" ? hostHeader(endpoint.host, endpoint.port) : "wharf",
        "User-Agent": userAgent,
        ...headers,
        ...(contentType === undefined ? {} : { "Content-Type": contentType }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    };
  }

  #connect(): Promise<Connection> {
    const { connect, endpoint, tls } = this.#options;
    return connect ? connect() : dialEndpoint(endpoint, tls);
  }

  #dialAhead(): void {
    for (; this.#wantedAhead > 0; this.#wantedAhead -= 1) {
      this.#connect().then(
        (connection) => {
          if (this.#isClosed) connection.close();
          else this.#idle.push(connection);
        },
        () => undefined, // the request that finds none dials for itself, and tells why it cannot
      );
    }
  }

  async #takeEarly(): Promise<Connection | undefined> {
    const early = this.#early;
    this.#early = undefined;
    const connection = await early?.dialling;
    if (!early || !connection) return undefined;
    // the engine may have hung up while the command line was read, which can take as long as a file does
    const isFresh = performance.now() - early.sinceMs < maxEarlyMs;
    if (isFresh && !connection.isSpent) return connection;
    connection.close();
    return undefined;
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (!connection || !connection.isSpent) return connection;
      connection.close();
    }
  }

  #release(connection: Connection, head: HttpHead): void {
    const keeps = head.isReusable && !connection.isSpent && this.#idle.length < maxIdleConnections;
    if (keeps) this.#idle.push(connection);
    else connection.close();
  }
}

type SentOptions = Omit<RequestOptions, "headers"> & {
  readonly headers?: HttpRequest["headers"];
};

interface Opened extends Exchange {
  /** Path and query as they were sent. */
  readonly target: string;
}

interface Exchange {
  readonly connection: Connection;
  readonly head: HttpHead;
  /** Settles when the body is sent; never rejects, gives the failure of its source instead. */
  readonly sending: Promise<SourceError | undefined>;
}

/**
 * The answer may come while the body is still being sent: progress of a load, or a refusal after
 * which the engine reads no more. A failure to send shows as one to receive.
 */
async function exchange(connection: Connection, request: HttpRequest): Promise<Exchange> {
  const sending = sendRequest(connection, request).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof UnavailableError) return undefined; // reading tells why
      connection.close();
      return new SourceError("the body's source failed", { cause: error });
    },
  );
  try {
    return { connection, head: await readHead(connection), sending };
  } catch (error) {
    connection.close();
    throw (await sending) ?? error;
  }
}

function hostHeader(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
