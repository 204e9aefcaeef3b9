import { BoundedQueue, deferred } from "#base/async.ts";
import type { ByteConnection } from "#rpc/http2/byte-connection.ts";
import type { RpcCall, RpcMethod } from "#rpc/method.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";
import type { SessionHead, Sessions } from "./client-session.ts";

const HEAD = "x-docker-expose-session-";
/** Pieces of a session that wait for a client to read them. */
const MOST_WAITING = 64;

/**
 * `Control.Session`: the connection of a session inside a call, piece by piece, for clients that have nothing but gRPC.
 */
export function sessionMethod(sessions: Sessions): RpcMethod {
  return async function* session(call) {
    const tunnel = new Tunnel(call);
    const serving = sessions.serve(headOf(call), tunnel, call.signal);
    serving.catch(() => tunnel.close()); // awaited below
    yield* tunnel.outgoing();
    await serving;
  };
}

function headOf({ metadata }: RpcCall): SessionHead {
  const all = (name: string): readonly string[] => metadata.get(`${HEAD}${name}`) ?? [];
  return {
    id: all("uuid")[0] ?? "",
    sharedKey: all("sharedkey")[0] ?? "",
    methods: all("grpc-method").map((method) => method.toLowerCase()),
    folders: new Map(),
  };
}

/** Both directions of a call as a connection. */
class Tunnel implements ByteConnection {
  readonly #incoming: AsyncIterator<Uint8Array>;
  readonly #outgoing = new BoundedQueue<Uint8Array>({ capacity: MOST_WAITING });
  readonly #closed = deferred<undefined>();

  constructor({ requests, signal }: RpcCall) {
    this.#incoming = requests[Symbol.asyncIterator]();
    signal.addEventListener("abort", () => this.close(), { once: true });
  }

  /** What is to be sent, until the connection is closed. */
  async *outgoing(): AsyncGenerator<Uint8Array> {
    for await (const data of this.#outgoing) yield BYTES_MESSAGE.encode({ data });
  }

  /** The other side may keep its half open when we have closed ours. */
  async read(): Promise<Uint8Array | undefined> {
    const next = await Promise.race([this.#incoming.next(), this.#closed.promise]);
    return next === undefined || next.done === true
      ? undefined
      : BYTES_MESSAGE.decode(next.value).data;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#outgoing.push(bytes);
  }

  close(): void {
    this.#outgoing.close();
    this.#closed.resolve(undefined);
  }
}
