import type { Socket } from "node:net";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import { ChunkedDecoder } from "#http1/chunked-decoder.ts";
import { formatHead, reasonOf } from "#http1/answer.ts";
import type { HttpRequest } from "#http1/incoming-request.ts";
import { JSON_BODY_MAX_BYTES, parseJsonBody, readJsonBody } from "./body.ts";
import { type Exchange, type RequestContext, writePiece } from "./exchange.ts";
import { SocketInput } from "./socket-input.ts";

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
  readonly request: HttpRequest;
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
  readonly request: HttpRequest;
  readonly socket: Socket;
  readonly head: Uint8Array;
  readonly context: RequestContext;
  readonly headers: Readonly<Record<string, string>>;
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
  const { isUpgrade } = request;
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
      return parseJsonBody(bytes, request.fields.get("content-type"));
    },
    accept: (contentType) => {
      const headers: Readonly<Record<string, string>> = isUpgrade
        ? { "Content-Type": contentType, Connection: "Upgrade", Upgrade: "tcp", ...parts.headers }
        : { "Content-Type": contentType, ...parts.headers };
      socket.write(formatHead(isUpgrade ? "101 UPGRADED" : "200 OK", headers));
      return {
        input: () => input.chunks(),
        write: (bytes) => writeSocket(socket, bytes),
        end: () => endHijacked(socket, input),
      };
    },
    takeSocket: () => ({ socket, input }),
    respond: (status, headers, body) => {
      const payload = Buffer.from(body);
      const head = formatHead(`${status} ${reasonOf(status)}`, {
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
async function readFramedBody(request: HttpRequest, input: SocketInput): Promise<Uint8Array> {
  if (request.fields.get("transfer-encoding") !== undefined) return readChunkedBody(input);
  const lengthBytes = Number(request.fields.get("content-length") ?? "0");
  if (lengthBytes > JSON_BODY_MAX_BYTES) throw tooLarge();
  return input.take(lengthBytes);
}

async function readChunkedBody(input: SocketInput): Promise<Uint8Array> {
  const decoder = new ChunkedDecoder();
  const pieces: Uint8Array[] = [];
  let totalBytes = 0;
  for (;;) {
    const bytes = await input.next();
    if (bytes === undefined) throw new CancelledError("The client hung up");
    const decoded = decoder.decode(bytes);
    for (const piece of decoded.pieces) {
      pieces.push(piece);
      totalBytes += piece.byteLength;
    }
    if (totalBytes > JSON_BODY_MAX_BYTES) throw tooLarge();
    if (decoded.end === undefined) continue;
    input.unread(bytes.subarray(decoded.end));
    return Buffer.concat(pieces);
  }
}

function tooLarge(): InvalidArgumentError {
  return new InvalidArgumentError(
    `Request body is larger than the limit of ${JSON_BODY_MAX_BYTES} bytes`,
  );
}

/** A takeover by proper HTTP: input as the request's body, output as the answer's. */
export function asHijack(exchange: Exchange): HijackExchange {
  const { request, response } = exchange;
  return {
    ...exchange,
    isUpgrade: false,
    skipBody: async () => {}, // the body is the input
    peekBody: async function* peekBody() {},
    readJsonBody: () => readJsonBody(request),
    accept: (contentType) => {
      response.writeHead(200, { "Content-Type": contentType });
      response.flushHeaders();
      return {
        input: () => request,
        write: (bytes) => writePiece(exchange, bytes),
        end: async () => {
          response.end();
          await response.drained();
        },
      };
    },
    takeSocket: () => {
      throw new CancelledError("The request asks for no upgrade of the connection");
    },
    respond: (status, headers, body) => {
      response.writeHead(status, headers);
      response.end(body);
    },
  };
}
