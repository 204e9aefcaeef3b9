import type { Server } from "bun";
import { CancelledError, messageOf } from "#base/errors.ts";
import type { Caller } from "#registry-server/access/access.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import { emptyAnswer, errorAnswer, toRegistryError } from "./answers.ts";
import { type Exchange, readTarget } from "./exchange.ts";
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

  /** Stops accepting, waits for answers under way within the grace, then cuts the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    const cut = setTimeout(() => {
      this.#ending.abort(new CancelledError("The registry is stopping"));
      void this.#server.stop(true);
    }, this.#options.closeGraceMs);
    await this.#server.stop(false);
    clearTimeout(cut);
  }

  #listen(port: number, tls: TlsFiles | undefined): Server<undefined> {
    const { listen, idleTimeoutSeconds } = this.#options;
    return Bun.serve({
      hostname: listen.hostname,
      port,
      reusePort: true,
      idleTimeout: Math.min(idleTimeoutSeconds, IDLE_TIMEOUT_MAX_SECONDS),
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      ...(tls ? { tls } : {}),
      fetch: (request, server) => this.#answer(request, server),
    });
  }

  async #answer(request: Request, server: Server<undefined>): Promise<Response> {
    let answer: Response;
    try {
      const target = readTarget(request.url);
      if (!target) throw new RegistryError("NAME_INVALID", "path cannot be decoded");
      const caller = this.#callerOf(request, server);
      const principal = await this.#options.v2.access.identify(caller);
      answer = await this.#route({
        request,
        method: request.method,
        path: target.path,
        query: new URLSearchParams(target.query),
        caller,
        principal,
        signal: AbortSignal.any([request.signal, this.#ending.signal]),
      });
    } catch (error) {
      answer = this.#failure(request, error);
    }
    return answer;
  }

  async #route(exchange: Exchange): Promise<Response> {
    const { path } = exchange;
    if (path === "/v2" || path.startsWith("/v2/")) {
      const answer = await answerV2(this.#options.v2, exchange);
      answer.headers.set("Docker-Distribution-API-Version", "registry/2.0");
      return answer;
    }
    if (path === "/healthz") return emptyAnswer(200, {});
    throw new RegistryError("UNSUPPORTED", "no such endpoint", { status: 404 });
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
    const told = toRegistryError(error);
    const target = readTarget(request.url);
    const fields = { method: request.method, path: target?.path ?? request.url };
    if (told.status >= 500 && !request.signal.aborted) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log.error("Request failed", { ...fields, error: detail });
    } else this.#options.log.debug("Request refused", { ...fields, error: messageOf(error) });
    const answer = errorAnswer(told, request.method === "HEAD");
    answer.headers.set("Docker-Distribution-API-Version", "registry/2.0");
    return answer;
  }
}
