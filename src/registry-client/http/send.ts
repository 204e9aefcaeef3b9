import { CancelledError, WharfError } from "#base/errors.ts";
import { closeOnAbort } from "#client/close-on-abort.ts";
import type { Connection } from "#client/connection.ts";
import {
  bodyFraming,
  type HttpHead,
  readBody,
  readHead,
  sendRequest,
  UnexpectedEndError,
} from "#client/http1.ts";
import type { Connections, Route } from "./connections.ts";
import { connectError, UnreachableError } from "./url-errors.ts";

/** A body that is read from the start again when a request has to be repeated. */
export interface StreamBody {
  readonly open: () => AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
}

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface PlainRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamBody;
}

/** `Get "https://host/v2/"`, as Go's errors begin. */
export function requestTitle({ method, url }: Pick<PlainRequest, "method" | "url">): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  // a query may hold a signature that lets whoever has it in
  shown.search = "";
  return `${method.charAt(0)}${method.slice(1).toLowerCase()} ${JSON.stringify(shown.href)}`;
}

/**
 * One request on a connection of its own, without redirects or credentials of any kind but those in
 * `headers`.
 *
 * @throws {UnreachableError} No connection, or it broke before an answer. {CancelledError} Aborted.
 */
export async function sendPlain(
  connections: Connections,
  route: Route,
  request: PlainRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  for (;;) {
    if (signal.aborted) throw cancelled(signal);
    const kept = connections.takeKept(route);
    let connection: Connection;
    try {
      connection = kept ?? (await connections.open(route, signal));
    } catch (error) {
      if (signal.aborted) throw cancelled(signal);
      throw connectError(requestTitle(request), route.origin, error);
    }
    try {
      return await exchange(connections, route, connection, request, signal);
    } catch (error) {
      connection.close();
      if (signal.aborted) throw cancelled(signal);
      // the server may close a kept connection at the moment that we take it up
      if (kept && isTakenBack(error) && mayRepeat(request)) continue;
      throw broken(request, error);
    }
  }
}

/** Of a long body the server may have taken a part: where to go on is for the caller to find out. */
function mayRepeat({ body }: PlainRequest): boolean {
  return body === undefined || body instanceof Uint8Array;
}

function isTakenBack(error: unknown): boolean {
  if (error instanceof UnexpectedEndError) return error.isBeforeAnswer;
  return !(error instanceof WharfError);
}

function broken(request: PlainRequest, error: unknown): unknown {
  if (error instanceof SourceFailure) return error.cause;
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof WharfError && error.kind === "cancelled") return error;
  return new UnreachableError(`${requestTitle(request)}: ${reason}`, { cause: error });
}

function cancelled(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  return reason instanceof WharfError ? reason : new CancelledError("request cancelled");
}

/** The stream that was to be sent has failed; `cause` is what it threw. */
class SourceFailure extends UnreachableError {}

/**
 * The answer may come while the body is still being sent: a refusal, after which nobody reads the rest.
 */
async function exchange(
  connections: Connections,
  route: Route,
  connection: Connection,
  request: PlainRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  using _abort = closeOnAbort(connection, signal);
  const { method, url, headers, body } = request;
  let isSent = false;
  const sending = sendRequest(connection, {
    method,
    ...addressing(route, url),
    headers: { Host: url.host, ...proxyHeaders(route), ...headers },
    ...bodyOf(body),
  }).then(
    () => {
      isSent = true;
      return undefined;
    },
    (error: unknown) => (error instanceof SourceFailure ? error : undefined), // reading tells why else
  );
  const failedSource = sending.then((failure) => {
    if (failure) connection.close();
  });
  let head: HttpHead;
  try {
    head = await readHead(connection);
  } catch (error) {
    connection.close();
    await failedSource;
    throw (await sending) ?? error;
  }
  return new HttpAnswer(request, head, connection, signal, () => {
    if (isSent && head.isReusable) connections.keep(route, connection);
    else connection.close();
  });
}

/** A proxy that is asked without a tunnel needs the whole address. */
function addressing({ proxy, origin }: Route, url: URL): { readonly target: string } {
  const path = `${url.pathname}${url.search}`;
  const isWhole = proxy?.protocol === "http" && !origin.isTls;
  return { target: isWhole ? `http://${url.host}${path}` : path };
}

function proxyHeaders({ proxy, origin }: Route): Readonly<Record<string, string>> {
  const authorization = origin.isTls ? undefined : proxy?.authorization;
  return authorization === undefined ? {} : { "Proxy-Authorization": authorization };
}

function bodyOf(body: PlainRequest["body"]): {
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly bodyBytes?: number;
} {
  if (body === undefined) return {};
  if (body instanceof Uint8Array) return { body };
  return { body: watched(body.open()), bodyBytes: body.sizeBytes };
}

async function* watched(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await iterator.next();
      } catch (cause) {
        throw new SourceFailure("the body's source failed", { cause });
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** An answer whose body has not been read. Read it once, by one of the methods, or discard it. */
export class HttpAnswer {
  readonly request: PlainRequest;
  readonly status: number;
  readonly reason: string;
  readonly #head: HttpHead;
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  readonly #release: () => void;

  constructor(
    request: PlainRequest,
    head: HttpHead,
    connection: Connection,
    signal: AbortSignal,
    release: () => void,
  ) {
    this.request = request;
    this.status = head.status;
    this.reason = head.reason;
    this.#head = head;
    this.#connection = connection;
    this.#signal = signal;
    this.#release = release;
  }

  header(name: string): string | undefined {
    return this.#head.headers.get(name);
  }

  /**
   * The body as it comes, with back-pressure. Leaving the loop early closes the connection.
   *
   * @throws {UnreachableError} It broke off. {CancelledError} Aborted.
   */
  async *body(): AsyncGenerator<Uint8Array> {
    using _abort = closeOnAbort(this.#connection, this.#signal);
    let isWhole = false;
    try {
      yield* readBody(this.#connection, bodyFraming(this.request.method, this.#head));
      if (this.#signal.aborted) throw cancelled(this.#signal);
      isWhole = true;
    } catch (error) {
      if (this.#signal.aborted) throw cancelled(this.#signal);
      throw broken(this.request, error);
    } finally {
      if (isWhole) this.#release();
      else this.#connection.close();
    }
  }

  /** @throws {UnreachableError} As `body`, or more than `maxBytes`. */
  async bytes(maxBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this.body()) {
      total += chunk.byteLength;
      if (total > maxBytes) {
        throw new UnreachableError(
          `${requestTitle(this.request)}: the answer has more than ${maxBytes} bytes`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, total);
  }

  /** Reads a small rest, so that the connection can serve again; gives up a large one. */
  async discard(): Promise<void> {
    let total = 0;
    try {
      for await (const chunk of this.body()) {
        total += chunk.byteLength;
        if (total > DISCARD_MAX_BYTES) return;
      }
    } catch (error) {
      if (this.#signal.aborted) throw error;
    }
  }

  /** Gives the answer up without reading it. */
  close(): void {
    this.#connection.close();
  }
}

const DISCARD_MAX_BYTES = 64 * 1024;
