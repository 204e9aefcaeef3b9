import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { setImmediate } from "node:timers/promises";
import type { Duplex } from "node:stream";
import { CancelledError } from "#base/errors.ts";
import type { RpcCall, RpcMethods } from "./method.ts";
import { readMessages, writeMessage } from "./stream.ts";
import { OK, statusOf, statusTrailers, UNIMPLEMENTED, type CallStatus } from "./status.ts";

export interface RpcServerOptions {
  readonly methods: RpcMethods;
  /** Told of what a method threw, which the client is told too. */
  readonly onFailure: (method: string, error: unknown) => void;
}

const YIELD_EVERY = 64;
/** Streams that one client may have open. */
const MOST_STREAMS = 200;

/**
 * Serves gRPC on one connection, for as long as it lasts.
 *
 * @param connection Bytes of HTTP/2 from its preface on; it is closed at the end.
 */
export async function serveRpc(
  connection: Duplex,
  options: RpcServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const server: Http2Server = createServer({
    settings: { maxConcurrentStreams: MOST_STREAMS, initialWindowSize: 1024 * 1024 },
  });
  const calls = new Set<Promise<void>>();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => session.destroy());
  });
  server.on("sessionError", () => connection.destroy());
  server.on(
    "stream",
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags, raw: readonly string[]) => {
      const call = serveCall(stream, headers[":path"] ?? "", metadataOf(raw), options);
      calls.add(call);
      void call.finally(() => calls.delete(call));
    },
  );
  const closed = new Promise<void>((resolve) => {
    connection.once("close", () => resolve());
  });
  const onAbort = (): void => void connection.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  server.emit("connection", connection);
  try {
    await closed;
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const session of sessions) session.destroy();
    await Promise.allSettled(calls);
  }
}

async function serveCall(
  stream: ServerHttp2Stream,
  path: string,
  metadata: RpcCall["metadata"],
  { methods, onFailure }: RpcServerOptions,
): Promise<void> {
  const controller = new AbortController();
  stream.on("error", () => controller.abort(new CancelledError("The call was cut off")));
  stream.once("close", () => controller.abort(new CancelledError("The client gave the call up")));
  const method = methods.get(path);
  if (!method) {
    const message = `unknown method ${path}`;
    return refuse(stream, { code: UNIMPLEMENTED, message, details: [] });
  }
  const call: RpcCall = {
    metadata,
    requests: readMessages(stream),
    signal: controller.signal,
  };
  let hasBegun = false;
  const begin = (): void => {
    if (hasBegun || stream.destroyed) return;
    hasBegun = true;
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
  };
  try {
    let written = 0;
    for await (const message of method(call)) {
      begin();
      await writeMessage(stream, message);
      // a method that never waits would let nothing else run
      if (++written % YIELD_EVERY === 0) await setImmediate();
    }
    begin();
    finish(stream, { code: OK, message: "", details: [] });
  } catch (error) {
    if (!controller.signal.aborted) onFailure(path, error);
    if (hasBegun) finish(stream, statusOf(error));
    else refuse(stream, statusOf(error));
  }
}

/** @param raw Names and values in turn: joined, as `headers` has them, they could not be parted again. */
function metadataOf(raw: readonly string[]): RpcCall["metadata"] {
  const metadata = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    const values = metadata.get(name) ?? [];
    values.push(raw[index + 1] ?? "");
    metadata.set(name, values);
  }
  return metadata;
}

function finish(stream: ServerHttp2Stream, status: CallStatus): void {
  if (stream.destroyed || stream.closed) return;
  stream.once("wantTrailers", () => stream.sendTrailers(statusTrailers(status)));
  stream.end();
}

/** Answers by headers alone. */
function refuse(stream: ServerHttp2Stream, status: CallStatus): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", ...statusTrailers(status) },
    { endStream: true },
  );
}
