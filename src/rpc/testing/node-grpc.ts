import { type ClientHttp2Stream, connect, createServer, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { frameMessage, MessageSplitter } from "#rpc/framing.ts";
import type { RpcCall, RpcMethods } from "#rpc/method.ts";
import { OK, readStatus, statusOf, statusTrailers, UNIMPLEMENTED } from "#rpc/status.ts";

/** gRPC by `node:http2`, which is not of our making: what ours is held against. */
export function serveByNode(connection: Duplex, methods: RpcMethods): void {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers, _flags, raw: readonly string[]) => {
    const metadata = new Map<string, string[]>();
    for (let index = 0; index + 1 < raw.length; index += 2) {
      const name = raw[index] ?? "";
      metadata.set(name, [...(metadata.get(name) ?? []), raw[index + 1] ?? ""]);
    }
    const controller = new AbortController();
    stream.once("close", () => controller.abort(new Error("closed")));
    stream.on("error", () => controller.abort(new Error("cut off")));
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    const call: RpcCall = { metadata, requests: messagesOf(stream), signal: controller.signal };
    void answer(stream, methods.get(headers[":path"] ?? ""), headers[":path"] ?? "", call);
  });
  server.emit("connection", connection);
}

async function answer(
  stream: ServerHttp2Stream,
  method: ((call: RpcCall) => AsyncIterable<Uint8Array>) | undefined,
  path: string,
  call: RpcCall,
): Promise<void> {
  const trailers: { status: Readonly<Record<string, string>> } = { status: {} };
  stream.once("wantTrailers", () => stream.sendTrailers(trailers.status));
  try {
    if (!method) {
      const message = `unknown method ${path}`;
      trailers.status = statusTrailers({ code: UNIMPLEMENTED, message, details: [] });
    } else {
      for await (const message of method(call)) stream.write(frameMessage(message));
      trailers.status = statusTrailers({ code: OK, message: "", details: [] });
    }
  } catch (error) {
    trailers.status = statusTrailers(statusOf(error));
  }
  if (!stream.destroyed) stream.end();
}

/** One call at a time of another's client. */
export class NodeClient {
  readonly #session: ReturnType<typeof connect>;

  constructor(connection: Duplex) {
    this.#session = connect("http://session", { createConnection: () => connection });
    this.#session.on("error", () => connection.destroy());
  }

  /** @returns What was answered, and the code and words that it ended with. */
  async call(
    path: string,
    metadata: Readonly<Record<string, string | string[]>>,
    messages: readonly Uint8Array[],
    onMessage: (stream: ClientHttp2Stream) => void = () => undefined,
  ): Promise<{ readonly messages: readonly Uint8Array[]; readonly end: string }> {
    const stream = this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    });
    let end = "cut off";
    const tell = (headers: Readonly<Record<string, unknown>>): void => {
      const status = readStatus(headers);
      if (status) end = `${status.code} ${status.message}`.trim();
    };
    stream.on("response", tell);
    stream.on("trailers", tell);
    stream.on("error", () => undefined); // told by the end
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    for (const message of messages) stream.write(frameMessage(message));
    stream.end();
    const answered: Uint8Array[] = [];
    for await (const message of messagesOf(stream)) {
      answered.push(message);
      onMessage(stream);
    }
    await closed;
    return { messages: answered, end };
  }
}

async function* messagesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const splitter = new MessageSplitter();
  try {
    for await (const chunk of stream) yield* splitter.push(chunk);
  } catch {
    // a reset: the end says so
  }
}
