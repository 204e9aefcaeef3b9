import { Duplex } from "node:stream";
import { BoundedQueue } from "#base/async.ts";
import { messageOf } from "#base/errors.ts";
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
    serving.catch((error: unknown) => tunnel.destroy(new Error(messageOf(error))));
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
class Tunnel extends Duplex {
  readonly #incoming: AsyncIterator<Uint8Array>;
  readonly #outgoing = new BoundedQueue<Uint8Array>({ capacity: MOST_WAITING });

  constructor({ requests, signal }: RpcCall) {
    super({ allowHalfOpen: false });
    this.#incoming = requests[Symbol.asyncIterator]();
    signal.addEventListener("abort", () => void this.destroy(), { once: true });
    // the end of the session is told by `close`
    this.on("error", () => undefined);
  }

  /** What is to be sent, until the connection is closed. */
  async *outgoing(): AsyncGenerator<Uint8Array> {
    for await (const data of this.#outgoing) yield BYTES_MESSAGE.encode({ data });
  }

  override _read(): void {
    this.#incoming.next().then(
      ({ done, value }) => void this.push(done === true ? null : BYTES_MESSAGE.decode(value).data),
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#outgoing.push(new Uint8Array(chunk)).then(
      () => done(),
      (error: Error) => done(error),
    );
  }

  override _final(done: (error?: Error) => void): void {
    this.#outgoing.close();
    done();
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.#outgoing.close();
    done(null);
  }
}
