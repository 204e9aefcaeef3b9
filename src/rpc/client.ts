import { Semaphore } from "#base/async.ts";
import { UnavailableError } from "#base/errors.ts";
import type { Message } from "#base/protobuf/message.ts";
import { callOnce, type RpcCaller, type RpcMetadata, type RpcStream } from "./call.ts";
import { OK, readStatus, StatusError } from "./status.ts";
import { messagesOf, sendMessage } from "./messages.ts";
import type { ByteConnection } from "./http2/byte-connection.ts";
import type { HeaderField } from "./http2/hpack.ts";
import { Http2Peer } from "./http2/peer.ts";
import type { PeerStream } from "./http2/peer-stream.ts";

/** Calls at once on one connection. */
const MOST_CALLS = 100;

/** Calls methods of gRPC over one connection. */
export class RpcClient implements RpcCaller, AsyncDisposable {
  readonly #peer: Http2Peer;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #permits = new Semaphore(MOST_CALLS);

  /** @param connection On which the other side serves HTTP/2; closed with the client. */
  constructor(connection: ByteConnection) {
    this.#peer = new Http2Peer(connection, {
      role: "client",
      onStream: (stream) => stream.reset(),
    });
    this.closed = this.#peer.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.close();
    await this.closed;
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

  async open(method: string, metadata: RpcMetadata, signal: AbortSignal): Promise<RpcStream> {
    const permit = await this.#permits.acquire(signal);
    try {
      const stream = this.#peer.open([
        [":method", "POST"],
        [":scheme", "http"],
        [":path", method],
        [":authority", "session"],
        ["content-type", "application/grpc"],
        ["te", "trailers"],
        ...fieldsOf(metadata),
      ]);
      return openCall(stream, permit, signal);
    } catch (error) {
      permit[Symbol.dispose]();
      throw error;
    }
  }
}

function fieldsOf(metadata: RpcMetadata): readonly HeaderField[] {
  return Object.entries(metadata).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): HeaderField => [name, one]),
  );
}

function openCall(stream: PeerStream, permit: Disposable, signal: AbortSignal): RpcStream {
  const onAbort = (): void => stream.reset();
  signal.addEventListener("abort", onAbort, { once: true });
  async function* messages(): AsyncGenerator<Uint8Array> {
    try {
      yield* messagesOf(stream);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
    const status = readStatus(Object.fromEntries(stream.fields));
    if (!status) throw new UnavailableError("The other side ended a call without a status");
    if (status.code !== OK) throw new StatusError(status);
  }
  return {
    send: (message) => sendMessage(stream, message),
    end: () => stream.end(),
    messages: messages(),
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener("abort", onAbort);
      permit[Symbol.dispose]();
      stream.reset();
      await Promise.resolve();
    },
  };
}
