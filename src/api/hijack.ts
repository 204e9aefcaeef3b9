import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import { JSON_BODY_MAX_BYTES, parseJsonBody } from "./body.ts";
import { LEGACY_HIJACK_HEADER } from "./connection.ts";
import { type RequestContext } from "./exchange.ts";
import { SocketInput } from "./socket-input.ts";

/** Longest line of a chunked body's framing, in bytes. */
const CHUNK_LINE_MAX_BYTES = 1024;

/** Both ways of a taken-over connection. */
export interface HijackedStream {
  /** What the client sends, until it half-closes or is gone. One reader. */
  input(): AsyncIterable<Uint8Array>;
  /** Resolves when the client can take more. @throws {CancelledError} The client is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our direction; resolves when the kernel took all. */
  end(): Promise<void>;
}

/** A request whose connection the handler may take over. */
export interface HijackExchange extends RequestContext {
  readonly request: IncomingMessage;
  /** The client asked to upgrade, and will read `101`. */
  readonly isUpgrade: boolean;
  /** Drops a body that comes before the stream: docker-modem repeats an attach's query there. */
  skipBody(): Promise<void>;
  /** The body before the stream, to be read again by `skipBody` or `readJsonBody`. */
  peekBody(): AsyncIterable<Uint8Array>;
  /** The JSON body that may come before the stream: `exec start`. Undefined when there is none. */
  readJsonBody(): Promise<unknown>;
  /**
   * Answers and hands over the connection: `101 UPGRADED` where the client asked for it, else `200`.
   *
   * @param contentType `Content-Type` of the answer.
   */
  accept(contentType: string): HijackedStream;
  /** The socket with what the client already sent, for a protocol of its own (websocket). */
  takeSocket(): { readonly socket: Socket; readonly input: SocketInput };
  /** Answers like any request, without a takeover, and closes the connection. */
  respond(status: number, headers: Readonly<Record<string, string>>, body: string): void;
}

export interface HijackParts {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Uint8Array;
  readonly context: RequestContext;
  readonly headers: Readonly<Record<string, string>>;
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** Head of an answer that no `ServerResponse` writes. */
export function formatResponseHead(
  statusLine: string,
  headers: Readonly<Record<string, string>>,
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusLine}\r\n${lines.join("")}\r\n`;
}

/**
 * Writes with the socket's back-pressure.
 *
 * @throws {CancelledError} The peer is gone.
 */
export async function writeSocket(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || !socket.writable) throw new CancelledError("The client hung up");
  if (socket.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    const onDrain = (): void => {
      socket.off("close", onClose);
      resolve();
    };
    const onClose = (): void => {
      socket.off("drain", onDrain);
      reject(new CancelledError("The client hung up"));
    };
    socket.once("drain", onDrain);
    socket.once("close", onClose);
  });
}

/** How long a client that was told the end may keep its own direction open. */
const LINGER_MS = 2000;

/** Ends a taken-over connection: our direction now, the client's when it closes or has lingered. */
export async function endHijacked(socket: Socket, input: SocketInput): Promise<void> {
  await endSocket(socket);
  input.discard();
  if (socket.destroyed) return;
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  cut.unref();
  socket.once("close", () => clearTimeout(cut));
}

/** Half-closes; resolves when sent, or when the peer is gone. */
function endSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once("close", () => resolve());
    socket.end(() => resolve());
  });
}

export function openHijack(parts: HijackParts): HijackExchange {
  const { request, socket, context } = parts;
  const input = new SocketInput(socket, parts.head);
  const isUpgrade = request.headers[LEGACY_HIJACK_HEADER] === undefined;
  let read: Promise<Uint8Array> | undefined;
  const body = (): Promise<Uint8Array> => (read ??= readFramedBody(request, input));
  return {
    ...context,
    request,
    isUpgrade,
    skipBody: async () => void (await body()),
    peekBody: async function* peekBody() {
      yield await body();
    },
    readJsonBody: async () => {
      const bytes = await body();
      return parseJsonBody(bytes, request.headers["content-type"]);
    },
    accept: (contentType) => {
      const headers: Readonly<Record<string, string>> = isUpgrade
        ? { "Content-Type": contentType, Connection: "Upgrade", Upgrade: "tcp", ...parts.headers }
        : { "Content-Type": contentType, ...parts.headers };
      socket.write(formatResponseHead(isUpgrade ? "101 UPGRADED" : "200 OK", headers));
      return {
        input: () => input.chunks(),
        write: (bytes) => writeSocket(socket, bytes),
        end: () => endHijacked(socket, input),
      };
    },
    takeSocket: () => ({ socket, input }),
    respond: (status, headers, body) => {
      const payload = Buffer.from(body);
      const head = formatResponseHead(`${status} ${REASONS[status] ?? "Error"}`, {
        ...parts.headers,
        ...headers,
        "Content-Length": String(payload.byteLength),
        Connection: "close",
      });
      socket.end(Buffer.concat([Buffer.from(head), payload]));
      socket.resume(); // what the client still sends is dropped, so that it reads our answer
    },
  };
}

/**
 * A request that upgrades has its body, framed as its headers say, before the stream: the HTTP parser
 * steps aside at the end of the head, so the framing is ours to read.
 */
async function readFramedBody(request: IncomingMessage, input: SocketInput): Promise<Uint8Array> {
  if (request.headers["transfer-encoding"]?.toLowerCase().includes("chunked")) {
    return readChunkedBody(input);
  }
  const lengthBytes = Number(request.headers["content-length"] ?? "0");
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes > JSON_BODY_MAX_BYTES) {
    throw new InvalidArgumentError(
      `Request body is larger than the limit of ${JSON_BODY_MAX_BYTES} bytes`,
    );
  }
  return input.take(lengthBytes);
}

async function readChunkedBody(input: SocketInput): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let totalBytes = 0;
  for (;;) {
    const line = await input.takeLine(CHUNK_LINE_MAX_BYTES);
    const size = /^([0-9a-fA-F]{1,8})\s*(?:;.*)?$/.exec(line ?? "")?.[1];
    if (size === undefined) throw new InvalidArgumentError("Malformed chunked encoding");
    const sizeBytes = Number.parseInt(size, 16);
    totalBytes += sizeBytes;
    if (totalBytes > JSON_BODY_MAX_BYTES) {
      throw new InvalidArgumentError(
        `Request body is larger than the limit of ${JSON_BODY_MAX_BYTES} bytes`,
      );
    }
    if (sizeBytes > 0) chunks.push(await input.take(sizeBytes));
    const after = await input.takeLine(CHUNK_LINE_MAX_BYTES);
    if (sizeBytes === 0) return Buffer.concat(chunks);
    if (after !== "") throw new InvalidArgumentError("Malformed chunked encoding");
  }
}
