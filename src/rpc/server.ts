import { CancelledError } from "#base/errors.ts";
import type { ByteConnection } from "./http2/byte-connection.ts";
import type { HeaderField } from "./http2/hpack.ts";
import { Http2Peer, MOST_STREAMS } from "./http2/peer.ts";
import type { PeerStream } from "./http2/peer-stream.ts";
import { messagesOf, sendMessage } from "./messages.ts";
import type { RpcCall, RpcMethods } from "./method.ts";
import { type CallStatus, OK, statusOf, statusTrailers, UNIMPLEMENTED } from "./status.ts";

export interface RpcServerOptions {
  readonly methods: RpcMethods;
  /** Told of what a method threw, which the other side is told too. */
  readonly onFailure: (method: string, error: unknown) => void;
}

const YIELD_EVERY = 64;
/** `REFUSED_STREAM` of RFC 9113, section 7: nothing was done, it may be asked again. */
const REFUSED = 7;
const HEAD: readonly HeaderField[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/**
 * Serves gRPC on one connection, for as long as it lasts.
 *
 * @param connection Bytes of HTTP/2 from its preface on; it is closed at the end.
 */
export async function serveRpc(
  connection: ByteConnection,
  options: RpcServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const calls = new Set<Promise<void>>();
  const peer = new Http2Peer(connection, {
    role: "server",
    onStream: (stream, fields) => {
      // calls that were given up count until they have ended: beginning and giving up costs the client nothing
      if (calls.size >= MOST_STREAMS) return stream.reset(REFUSED);
      const call = serveCall(stream, fields, options);
      calls.add(call);
      void call.finally(() => calls.delete(call));
    },
  });
  const onAbort = (): void => peer.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await peer.run();
  } finally {
    signal.removeEventListener("abort", onAbort);
    await Promise.allSettled(calls);
  }
}

async function serveCall(
  stream: PeerStream,
  fields: readonly HeaderField[],
  { methods, onFailure }: RpcServerOptions,
): Promise<void> {
  const metadata = new Map<string, string[]>();
  for (const [name, value] of fields) metadata.set(name, [...(metadata.get(name) ?? []), value]);
  const path = metadata.get(":path")?.[0] ?? "";
  const method = methods.get(path);
  if (!method) {
    const message = `unknown method ${path}`;
    return finish(stream, { code: UNIMPLEMENTED, message, details: [] }, false);
  }
  const call: RpcCall = { metadata, requests: messagesOf(stream), signal: stream.signal };
  let hasBegun = false;
  try {
    let written = 0;
    for await (const message of method(call)) {
      if (!hasBegun) stream.sendFields(HEAD, false);
      hasBegun = true;
      await sendMessage(stream, message);
      // a method that never waits would let nothing else run
      if (++written % YIELD_EVERY === 0) await nextTurn();
    }
    finish(stream, { code: OK, message: "", details: [] }, hasBegun);
  } catch (error) {
    if (!stream.signal.aborted && !(error instanceof CancelledError)) onFailure(path, error);
    finish(stream, statusOf(error), hasBegun);
  }
}

/** Timers of Node's own would have to be loaded. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** @param hasBegun Headers were sent: only the trailers are left. */
function finish(stream: PeerStream, status: CallStatus, hasBegun: boolean): void {
  const trailers = Object.entries(statusTrailers(status));
  stream.sendFields(hasBegun ? trailers : [...HEAD, ...trailers], true);
  // what the other side may still send is of no use
  stream.reset(0);
}
