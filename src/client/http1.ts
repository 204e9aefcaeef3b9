import { concatBytes, latin1Text } from "#base/bytes.ts";
import { messageOf, UnavailableError } from "#base/errors.ts";
import { ChunkedDecoder, type Decoded } from "#http1/chunked-decoder.ts";
import type { Connection } from "./connection.ts";

// HTTP/1.1 of our own, some 150 lines, because one code has to serve sockets, TLS and a child's
// standard streams, hand over the bare connection after 101 (or docker's 200 without Upgrade) with
// half-close, and start fast: node:http costs 10 ms of CPU a command and does none of the three.

/** What one request sends. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, already encoded. */
  readonly target: string;
  /** A list is sent as so many headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A whole body is sent with its length, a stream in chunks, with back-pressure. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Length of a streamed body where it is known: it is then sent as it is, not in chunks. */
  readonly bodyBytes?: number;
}

/** Status line and headers of an answer. */
export interface HttpHead {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case; repeated ones joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** True when the connection can serve another request after the body. */
  readonly isReusable: boolean;
}

/** Longest status line and headers that we accept, as a bound on memory. */
const maxHeadBytes = 256 * 1024;
const CR = 13;
const LF = 10;
const encoder = new TextEncoder();

/** Writes the request; resolves when all of the body has been taken by the connection. */
export async function sendRequest(connection: Connection, request: HttpRequest): Promise<void> {
  const { body, bodyBytes } = request;
  const whole = body instanceof Uint8Array ? body : undefined;
  const lines = [`${request.method} ${request.target} HTTP/1.1`];
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  }
  if (whole) lines.push(`Content-Length: ${whole.length}`);
  else if (body && bodyBytes !== undefined) lines.push(`Content-Length: ${bodyBytes}`);
  else if (body) lines.push("Transfer-Encoding: chunked");
  else if (request.method === "POST" || request.method === "PUT") lines.push("Content-Length: 0");
  const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  if (whole) return connection.write(concatBytes([head, whole]));
  await connection.write(head);
  if (!body || body instanceof Uint8Array) return;
  for await (const chunk of body) {
    if (chunk.length === 0) continue; // an empty chunk would end the body
    if (bodyBytes !== undefined) {
      await connection.write(chunk);
      continue;
    }
    const size = encoder.encode(`${chunk.length.toString(16)}\r\n`);
    // resolves when all of it is taken: a source may use its chunk's memory again
    if (chunk.length > largeBytes) {
      await connection.write(size);
      await connection.write(chunk);
      await connection.write(crlf);
    } else await connection.write(concatBytes([size, chunk, crlf]));
  }
  if (bodyBytes === undefined) await connection.write(encoder.encode("0\r\n\r\n"));
}

/** Above this a copy costs more than two more system calls. */
const largeBytes = 128 * 1024;
const crlf = encoder.encode("\r\n");

/**
 * Reads up to the end of the headers; interim answers (100 Continue) are skipped.
 *
 * @throws {UnavailableError} When the connection ends before, or it is no HTTP.
 */
export async function readHead(connection: Connection): Promise<HttpHead> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (;;) {
    const end = headEnd(bytes);
    if (end >= 0) {
      const head = parseHead(latin1Text(bytes, 0, end));
      const rest = bytes.subarray(end + 4);
      if (head.status >= 200 || head.status === 101) {
        connection.unread(rest);
        return head;
      }
      bytes = rest;
      continue;
    }
    if (bytes.length > maxHeadBytes) throw new UnavailableError("answer headers are too long");
    const chunk = await connection.read();
    if (!chunk) throw new UnexpectedEndError(bytes.length === 0);
    bytes = bytes.length === 0 ? chunk : concatBytes([bytes, chunk]);
  }
}

/** @returns Where the empty line begins that ends the headers; -1 where it has not come. */
function headEnd(bytes: Uint8Array): number {
  let at = bytes.indexOf(CR);
  while (at >= 0) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
    at = bytes.indexOf(CR, at + 1);
  }
  return -1;
}

/** What answers is no HTTP server. */
export class MalformedAnswerError extends UnavailableError {}

/** The connection ended where an answer was due. */
export class UnexpectedEndError extends UnavailableError {
  /** True when not one byte of the answer had come: a reused connection may just have timed out. */
  readonly isBeforeAnswer: boolean;

  constructor(isBeforeAnswer: boolean) {
    super("unexpected EOF");
    this.isBeforeAnswer = isBeforeAnswer;
  }
}

function parseHead(text: string): HttpHead {
  const [first = "", ...lines] = text.split("\r\n");
  const match = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(first);
  if (!match)
    throw new MalformedAnswerError(`malformed HTTP response ${JSON.stringify(first.slice(0, 80))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const closes = headers.get("connection")?.toLowerCase().includes("close") ?? false;
  const status = Number(match[2]);
  return { status, reason: match[3] ?? "", headers, isReusable: match[1] === "1" && !closes };
}

/** How the body of an answer ends. */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

/** @see RFC 9112, section 6.3. */
export function bodyFraming(method: string, head: HttpHead): BodyFraming {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return { kind: "none" };
  if (head.headers.get("transfer-encoding")?.toLowerCase().endsWith("chunked")) {
    return { kind: "chunked" };
  }
  const length = head.headers.get("content-length");
  if (length === undefined) return { kind: "until-close" };
  const bytes = Number(length);
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(bytes)) {
    throw new UnavailableError(`malformed Content-Length ${JSON.stringify(length)}`);
  }
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

/** The body's bytes as they come; what follows it on the connection is left there. */
export async function* readBody(
  connection: Connection,
  framing: BodyFraming,
): AsyncGenerator<Uint8Array> {
  switch (framing.kind) {
    case "none":
      return;
    case "length":
      yield* readLength(connection, framing.bytes);
      return;
    case "chunked":
      yield* readChunks(connection);
      return;
    case "until-close":
      for (;;) {
        const chunk = await connection.read();
        if (!chunk) return;
        yield chunk;
      }
  }
}

async function* readLength(connection: Connection, bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; ) {
    const chunk = await connection.read();
    if (!chunk) throw new UnexpectedEndError(false);
    if (chunk.length > left) connection.unread(chunk.subarray(left));
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
  }
}

async function* readChunks(connection: Connection): AsyncGenerator<Uint8Array> {
  const decoder = new ChunkedDecoder();
  for (;;) {
    const chunk = await connection.read();
    if (!chunk) throw new UnexpectedEndError(false);
    const { pieces, end } = decode(decoder, chunk);
    // before the last piece is given out: who reads that may stop there
    if (end !== undefined) connection.unread(chunk.subarray(end));
    yield* pieces;
    if (end !== undefined) return;
  }
}

function decode(decoder: ChunkedDecoder, chunk: Uint8Array): Decoded {
  try {
    return decoder.decode(chunk);
  } catch (cause) {
    throw new UnavailableError(`malformed chunked encoding: ${messageOf(cause)}`, { cause });
  }
}
