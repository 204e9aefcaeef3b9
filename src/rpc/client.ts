import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Duplex } from "node:stream";
import { Semaphore } from "#base/async.ts";
import { CancelledError, UnavailableError } from "#base/errors.ts";
import type { Message } from "#base/protobuf/message.ts";
import { callOnce, type RpcCaller, type RpcMetadata, type RpcStream } from "./call.ts";
import { readMessages, writeMessage } from "./stream.ts";
import { type CallStatus, OK, readStatus, StatusError } from "./status.ts";

/** Calls at once on one connection: Bun throws where Node would queue. */
const MOST_CALLS = 100;
/** `NGHTTP2_CANCEL` */
const CANCEL = 8;
const WINDOW_BYTES = 1024 * 1024;

/** Calls methods of gRPC over one connection. */
export class RpcClient implements RpcCaller, Disposable {
  readonly #session: ClientHttp2Session;
  readonly #connection: Duplex;
  readonly #permits = new Semaphore(MOST_CALLS);

  /** @param connection On which the peer serves HTTP/2; closed with the client. */
  constructor(connection: Duplex) {
    this.#connection = connection;
    this.#session = connect("http://session", {
      createConnection: () => connection,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    this.#session.on("error", () => connection.destroy());
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
    this.#connection.destroy();
  }

  call<Request, Response>(
    method: string,
    codecs: { readonly request: Message<Request>; readonly response: Message<Response> },
    request: Partial<Request>,
    signal: AbortSignal,
    metadata: RpcMetadata = {},
  ): Promise<Response> {
    return callOnce(this, { method, codecs, request, metadata }, signal);
  }

  /** Begins a call. An abort ends it. */
  async open(method: string, metadata: RpcMetadata, signal: AbortSignal): Promise<RpcStream> {
    const permit = await this.#permits.acquire(signal);
    if (this.#session.destroyed || this.#session.closed) {
      permit[Symbol.dispose]();
      throw new UnavailableError("The client is gone");
    }
    const stream = this.#session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    });
    stream.once("close", () => permit[Symbol.dispose]());
    return openStream(stream, signal);
  }
}

function openStream(stream: ClientHttp2Stream, signal: AbortSignal): RpcStream {
  let status: CallStatus | undefined;
  let failure: Error | undefined;
  stream.on("response", (headers) => void (status ??= readStatus(headers)));
  stream.on("trailers", (trailers) => void (status ??= readStatus(trailers)));
  stream.on("error", (error) => void (failure ??= error));
  const closed = new Promise<void>((resolve) => {
    stream.once("close", () => resolve());
  });
  const onAbort = (): void => stream.close(CANCEL);
  signal.addEventListener("abort", onAbort, { once: true });
  async function* messages(): AsyncGenerator<Uint8Array> {
    try {
      yield* readMessages(stream);
    } catch (error) {
      failure ??= error instanceof Error ? error : new CancelledError(String(error));
    }
    signal.throwIfAborted();
    if (!failure && status === undefined) await closed;
    if (status && status.code !== OK) throw new StatusError(status);
    if (failure) throw failure;
    if (!status) throw new UnavailableError("The client is gone");
  }
  return {
    send: (message) => writeMessage(stream, message),
    end: () => void stream.end(),
    messages: messages(),
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener("abort", onAbort);
      if (!stream.closed && !stream.destroyed) stream.close(status ? 0 : CANCEL);
      stream.resume();
      await Promise.resolve();
    },
  };
}
