import type { Server } from "bun";
import { CancelledError, messageOf } from "#base/errors.ts";
import type { Caller, Principal } from "#registry-server/access/access.ts";
import type { Throttle } from "#registry-server/access/throttle.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import { emptyAnswer, errorAnswer, toldError } from "./answers.ts";
import { type Exchange, rawTarget, readTarget, type Target } from "./exchange.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { RestParts } from "./rest/parts.ts";
import { answerRest } from "./rest/routes.ts";
import { answerToken, type TokenParts } from "./token.ts";
import { answerV2 } from "./v2/routes.ts";
import type { V2Parts } from "./v2/context.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Contents of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface HttpServerOptions {
  readonly listen: ListenAddress;
  readonly tls?: TlsFiles;
  readonly v2: V2Parts;
  readonly rest: RestParts;
  /** Absent where nobody logs in. */
  readonly token?: TokenParts;
  /** Requests of one account or address. */
  readonly limits?: Throttle;
  /** Throws when the registry cannot serve. */
  readonly health: () => Promise<void>;
  readonly metrics: HttpMetrics;
  readonly log: RegistryLog;
  /** Address that clients know us by, where it is not what they write into `Host`. */
  readonly publicUrl?: string;
  /** Seconds without a byte after which a connection is cut. */
  readonly idleTimeoutSeconds: number;
  /** How long an ending server waits for answers under way. */
  readonly closeGraceMs: number;
}

/** Largest value that Bun takes. */
const IDLE_TIMEOUT_MAX_SECONDS = 255;

/** Serves the registry on one address. */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #ending = new AbortController();
  readonly #retiring = new Set<Promise<void>>();
  #server: Server<undefined>;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = this.#listen(options.listen.port, options.tls);
  }

  /** `http://127.0.0.1:5000` */
  get url(): string {
    const { hostname } = this.#options.listen;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return `${this.#options.tls ? "https" : "http"}://${host}:${this.#server.port}`;
  }

  /** A second listener takes over the port; the first ends with its last request. */
  replaceTls(tls: TlsFiles): void {
    const before = this.#server;
    this.#server = this.#listen(before.port ?? this.#options.listen.port, tls);
    this.#retiring.add(before.stop(false));
  }

  /** Stops accepting, waits for answers under way within the grace, then cuts the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    const cut = setTimeout(() => {
      this.#ending.abort(new CancelledError("The registry is stopping"));
      void this.#server.stop(true);
    }, this.#options.closeGraceMs);
    await Promise.all([this.#server.stop(false), ...this.#retiring]);
    clearTimeout(cut);
  }

  get #idleSeconds(): number {
    return Math.min(this.#options.idleTimeoutSeconds, IDLE_TIMEOUT_MAX_SECONDS);
  }

  #listen(port: number, tls: TlsFiles | undefined): Server<undefined> {
    const { listen } = this.#options;
    return Bun.serve({
      hostname: listen.hostname,
      port,
      // a new certificate comes by a second listener on the port; without TLS a taken port is an error
      reusePort: tls !== undefined,
      idleTimeout: this.#idleSeconds,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      ...(tls ? { tls } : {}),
      fetch: (request, server) => this.#answer(request, server),
    });
  }

  async #answer(request: Request, server: Server<undefined>): Promise<Response> {
    const beginMs = performance.now();
    const target = readTarget(request.url);
    const group = groupOf(target?.path ?? rawTarget(request.url));
    let answer: Response;
    try {
      if (!target) throw new RegistryError("NAME_INVALID", "path cannot be decoded");
      const connection = { caller: this.#callerOf(request, server), server };
      answer = await this.#route(group, request, target, connection);
    } catch (error) {
      answer = this.#failure(request, error);
    }
    if (group === "v2") answer.headers.set("Docker-Distribution-API-Version", "registry/2.0");
    const seconds = (performance.now() - beginMs) / 1000;
    this.#options.metrics.observe(group, request.method, answer.status, seconds);
    return answer;
  }

  async #route(
    group: RouteGroup,
    request: Request,
    target: Target,
    { caller, server }: { readonly caller: Caller; readonly server: Server<undefined> },
  ): Promise<Response> {
    const { v2, rest, token, limits, health, metrics } = this.#options;
    switch (group) {
      case "health":
        await health();
        return emptyAnswer(200, { "Cache-Control": "no-cache" });
      case "other":
        throw new RegistryError("UNSUPPORTED", "no such endpoint", { status: 404 });
      case "metrics":
      case "v2":
      case "rest":
      case "token":
    }
    const principal = await v2.access.identify(caller);
    limits?.require(principal.kind === "account" ? `account ${principal.name}` : caller.address);
    limits?.take(principal.kind === "account" ? `account ${principal.name}` : caller.address);
    if (group === "metrics") {
      if (principal.kind === "account" && principal.isAdmin) return await metrics.answer();
      throw new RegistryError("UNAUTHORIZED", "metrics are for admins", {
        headers: { "WWW-Authenticate": 'Basic realm="wharf-registry"' },
      });
    }
    const exchange = new OpenExchange(request, target, {
      caller,
      principal,
      ending: this.#ending.signal,
      rest: (seconds) => server.timeout(request, seconds),
      restSeconds: this.#idleSeconds,
    });
    if (group === "v2") return await answerV2(v2, exchange);
    if (group === "rest") return await answerRest(rest, exchange);
    if (token) return await answerToken(token, exchange);
    throw new RegistryError("UNSUPPORTED", "this registry gives out no tokens", { status: 404 });
  }

  #callerOf(request: Request, server: Server<undefined>): Caller {
    const { publicUrl, tls } = this.#options;
    const { headers } = request;
    const scheme = tls ? "https" : "http";
    return {
      headers,
      origin: publicUrl ?? `${scheme}://${headers.get("host") ?? "localhost"}`,
      address: server.requestIP(request)?.address ?? "",
    };
  }

  #failure(request: Request, error: unknown): Response {
    const told = toldError(error);
    const target = readTarget(request.url);
    const fields = { method: request.method, path: target?.path ?? request.url };
    if (told.status >= 500 && !request.signal.aborted) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log.error("Request failed", { ...fields, error: detail });
    } else this.#options.log.debug("Request refused", { ...fields, error: messageOf(error) });
    return errorAnswer(told, request.method === "HEAD");
  }
}

/** Who answers. */
export type RouteGroup = "v2" | "rest" | "token" | "health" | "metrics" | "other";

function groupOf(path: string): RouteGroup {
  if (path === "/v2" || path.startsWith("/v2/")) return "v2";
  if (path.startsWith("/api/v1/") || path === "/v1/search") return "rest";
  switch (path) {
    case "/token":
      return "token";
    case "/healthz":
      return "health";
    case "/metrics":
      return "metrics";
    default:
      return "other";
  }
}

/** What an exchange knows of where it came from. */
interface Connection {
  readonly caller: Caller;
  readonly principal: Principal;
  readonly ending: AbortSignal;
  /** Sets after how many seconds without a byte it is cut; 0 for never. */
  readonly rest: (seconds: number) => void;
  readonly restSeconds: number;
}

/** Makes what few handlers ask for when it is asked for. */
class OpenExchange implements Exchange {
  readonly request: Request;
  readonly method: string;
  readonly path: string;
  readonly rawPath: string;
  readonly caller: Caller;
  readonly principal: Principal;
  readonly #queryText: string;
  readonly #connection: Connection;
  #query: URLSearchParams | undefined;

  constructor(request: Request, target: Target, connection: Connection) {
    this.request = request;
    this.method = request.method;
    this.path = target.path;
    this.rawPath = target.rawPath;
    this.caller = connection.caller;
    this.principal = connection.principal;
    this.#queryText = target.query;
    this.#connection = connection;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.request.signal, this.#connection.ending]);
  }

  async withoutTimeout<T>(work: () => Promise<T>): Promise<T> {
    const { rest, restSeconds } = this.#connection;
    rest(0);
    try {
      return await work();
    } finally {
      rest(restSeconds);
    }
  }
}
