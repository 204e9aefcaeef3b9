import type { Socket } from "node:net";
import { InternalError } from "#base/errors.ts";

/** Fields of an answer; one that is undefined is left out. */
export type AnswerFields = Readonly<Record<string, string | number | undefined>>;

/** What answers a request. */
export interface Answer {
  /** The head has left: until then `writeHead` may be called again. */
  readonly headersSent: boolean;
  /** Nobody reads it any more. */
  readonly destroyed: boolean;
  /** What was written and not yet taken by the client, in bytes. */
  readonly waitingBytes: number;
  /** The head leaves with the first bytes of the body, or by `flushHeaders`. */
  writeHead(status: number, fields?: AnswerFields): void;
  flushHeaders(): void;
  /** @returns False when enough waits: `drained` tells when there is room. */
  write(piece: Uint8Array | string): boolean;
  /** Resolves when there is room again, or nobody reads. */
  drained(): Promise<void>;
  /** Without a head before, 200. */
  end(last?: Uint8Array | string): void;
  /** Breaks the connection, unless the answer has ended: all that can be told of a failure after the head. */
  destroy(): void;
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Request Entity Too Large",
  416: "Requested Range Not Satisfiable",
  417: "Expectation Failed",
  429: "Too Many Requests",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

export function reasonOf(status: number): string {
  return REASONS[status] ?? "Unknown";
}

const UNFIT = /[\0\r\n]/;

/** @throws {InternalError} A value would end its line. */
export function formatFields(fields: AnswerFields): string {
  let text = "";
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    if (typeof value === "string" && UNFIT.test(value)) {
      throw new InternalError(`Cannot send the header ${name}: its value has a line end`);
    }
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

export function formatHead(statusLine: string, fields: AnswerFields): string {
  return `HTTP/1.1 ${statusLine}\r\n${formatFields(fields)}\r\n`;
}

/** Up to here a piece is copied between its framing, rather than written in three calls. */
const COPIED_MAX_BYTES = 16 * 1024;
const CRLF = Buffer.from("\r\n");
const LAST_CHUNK = "0\r\n\r\n";

type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

export interface SocketAnswerOptions {
  readonly socket: Socket;
  readonly method: string;
  readonly minorVersion: number;
  /** In each answer, as lines with their ends. */
  readonly commonFields: string;
  /** Asked when the head is made: whether the connection will be used again. */
  readonly mayPersist: () => boolean;
  readonly now: () => string;
  /** All was written. */
  readonly onEnd: () => void;
  readonly onHead?: (status: number) => void;
}

/** An answer on its way to a socket. Head and body go in one write where both are known at once. */
export class SocketAnswer implements Answer {
  readonly #options: SocketAnswerOptions;
  readonly #socket: Socket;
  #head: { readonly status: number; readonly fields: AnswerFields } | undefined;
  #framing: Framing | undefined;
  #isEnded = false;
  #isPersistent = true;

  constructor(options: SocketAnswerOptions) {
    this.#options = options;
    this.#socket = options.socket;
  }

  get headersSent(): boolean {
    return this.#framing !== undefined;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether another answer may follow on the connection; known once the head is sent. */
  get isPersistent(): boolean {
    return this.#isPersistent;
  }

  writeHead(status: number, fields: AnswerFields = {}): void {
    if (this.#framing) throw new InternalError("The head of an answer was written after it left");
    this.#head = { status, fields };
  }

  flushHeaders(): void {
    if (!this.#framing && !this.destroyed) this.#socket.write(this.#begin(undefined));
  }

  write(piece: Uint8Array | string): boolean {
    if (this.#isEnded) throw new InternalError("An answer was written to after its end");
    if (this.destroyed) return false;
    if (!this.#framing) this.flushHeaders();
    return this.#writePiece(piece);
  }

  drained(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const onRoom = (): void => {
        socket.off("drain", onRoom);
        socket.off("close", onRoom);
        resolve();
      };
      socket.once("drain", onRoom);
      socket.once("close", onRoom);
    });
  }

  end(last?: Uint8Array | string): void {
    if (this.#isEnded) return;
    if (!this.destroyed) {
      if (!this.#framing) this.#writeWhole(last ?? "");
      else {
        if (last !== undefined && last.length > 0) this.#writePiece(last);
        if (this.#framing.kind === "chunked") this.#socket.write(LAST_CHUNK);
      }
    }
    this.#isEnded = true;
    // a client that waits for more would take the next answer for it
    if (this.#framing?.kind === "length" && this.#framing.left > 0) this.#socket.destroy();
    this.#options.onEnd();
  }

  destroy(): void {
    if (!this.#isEnded) this.#socket.destroy();
  }

  /** Makes the head. @param bodyBytes Length of the body, where that is all of it. */
  #begin(bodyBytes: number | undefined): string {
    const { method, minorVersion, commonFields, mayPersist, now, onHead } = this.#options;
    const { status, fields } = this.#head ?? { status: 200, fields: {} };
    const declared = fields["Content-Length"];
    let framingFields = "";
    if (status === 204 || status === 304) this.#framing = { kind: "none" };
    else {
      const lengthBytes = declared === undefined ? bodyBytes : Number(declared);
      if (lengthBytes !== undefined) {
        this.#framing = { kind: "length", left: lengthBytes };
        if (declared === undefined) framingFields = `Content-Length: ${lengthBytes}\r\n`;
      } else if (minorVersion > 0) {
        this.#framing = { kind: "chunked" };
        framingFields = "Transfer-Encoding: chunked\r\n";
      } else this.#framing = { kind: "until-close" };
      if (method === "HEAD") {
        // there was no body to measure
        if (declared === undefined && !bodyBytes) framingFields = "";
        this.#framing = { kind: "none" };
      }
    }
    this.#isPersistent = this.#framing.kind !== "until-close" && mayPersist();
    if (!this.#isPersistent) framingFields += "Connection: close\r\n";
    else if (minorVersion === 0) framingFields += "Connection: keep-alive\r\n";
    onHead?.(status);
    return `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${commonFields}${formatFields(fields)}Date: ${now()}\r\n${framingFields}\r\n`;
  }

  #writeWhole(body: Uint8Array | string): void {
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    const head = this.#begin(bytes);
    const framing = this.#framing;
    if (bytes === 0 || framing?.kind === "none") return void this.#socket.write(head);
    this.#count(bytes);
    if (typeof body === "string") this.#socket.write(head + body);
    else if (bytes > COPIED_MAX_BYTES) {
      this.#socket.write(head);
      this.#socket.write(body);
    } else this.#socket.write(Buffer.concat([Buffer.from(head), body]));
  }

  #writePiece(piece: Uint8Array | string): boolean {
    const socket = this.#socket;
    const isText = typeof piece === "string";
    if (piece.length === 0 || this.#framing?.kind === "none") return !socket.writableNeedDrain;
    if (this.#framing?.kind !== "chunked") {
      this.#count(isText ? Buffer.byteLength(piece) : piece.byteLength);
      return socket.write(piece);
    }
    const bytes = isText ? Buffer.byteLength(piece) : piece.byteLength;
    const size = `${bytes.toString(16)}\r\n`;
    if (isText) return socket.write(`${size}${piece}\r\n`);
    if (bytes <= COPIED_MAX_BYTES) {
      return socket.write(Buffer.concat([Buffer.from(size, "latin1"), piece, CRLF]));
    }
    socket.write(size, "latin1");
    socket.write(piece);
    return socket.write(CRLF);
  }

  #count(bytes: number): void {
    if (this.#framing?.kind !== "length") return;
    this.#framing.left -= bytes;
    if (this.#framing.left < 0) {
      this.#socket.destroy();
      throw new InternalError("An answer is longer than its head says");
    }
  }
}
