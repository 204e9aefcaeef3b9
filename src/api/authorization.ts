import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { AuthorizationCall, AuthorizationReply } from "#auth/authorizer.ts";
import { PermissionDeniedError } from "#base/errors.ts";
import { readBytes } from "./body.ts";
import { LEGACY_HIJACK_HEADER } from "./connection.ts";
import { answerForError } from "./errors.ts";

/** Largest body that plugins are shown. */
const SHOWN_BODY_MAX_BYTES = 1024 * 1024;
/** An answer that grows beyond is sent as it comes, as Docker does. */
const HELD_ANSWER_MAX_BYTES = 64 * 1024;
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "x-registry-config",
  "x-registry-auth",
]);
/** What Go's server takes out of the headers, and our own mark. */
const UNSEEN_HEADERS: ReadonlySet<string> = new Set(["host", LEGACY_HIJACK_HEADER]);

/** Whether a body is one that plugins see: JSON, unless it holds a password. */
export function isShown(path: string, contentType: string | undefined): boolean {
  if ((path.split("?")[0] ?? "").endsWith("/auth")) return false;
  return (contentType?.split(";")[0] ?? "").trim().toLowerCase() === "application/json";
}

/**
 * Reads the body of a request that plugins are to see.
 *
 * @returns Undefined where they see none.
 * @throws {PermissionDeniedError} It is larger than what can be shown: it could hide anything.
 */
export async function readShownBody(
  request: IncomingMessage,
  source: AsyncIterable<Uint8Array>,
): Promise<Buffer | undefined> {
  if (!isShown(request.url ?? "", request.headers["content-type"])) return undefined;
  if (Number(request.headers["content-length"] ?? "0") > SHOWN_BODY_MAX_BYTES) throw tooLarge();
  const bytes = await readBytes(source, SHOWN_BODY_MAX_BYTES).catch((error: unknown) => {
    if (error instanceof Error && error.message.startsWith("Request body is larger")) {
      throw tooLarge();
    }
    throw error;
  });
  return bytes;
}

function tooLarge(): PermissionDeniedError {
  return new PermissionDeniedError(
    `authorization denied: a JSON body of more than ${SHOWN_BODY_MAX_BYTES} bytes cannot be shown to the authorization plugins`,
  );
}

/** What plugins are told of a request. */
export function describeCall(
  request: IncomingMessage,
  body: Uint8Array | undefined,
): AuthorizationCall {
  return {
    ...describePeer(request.socket),
    method: request.method ?? "",
    uri: request.url ?? "",
    headers: shownHeaders(pairs(request.rawHeaders)),
    ...(body ? { body } : {}),
  };
}

/** Who is at the other end of a connection. */
export function describePeer(
  socket: Socket,
): Pick<AuthorizationCall, "user" | "userAuthenticationMethod" | "peerCertificates"> {
  const peer = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined;
  const name = peer?.subject?.CN;
  const isKnown = peer?.raw !== undefined;
  return {
    user: (Array.isArray(name) ? name[0] : name) ?? "",
    userAuthenticationMethod: isKnown ? "TLS" : "",
    peerCertificates: isKnown ? [toPem(peer.raw)] : [],
  };
}

/** What plugins are told of a request that failed. */
export function describeFailure(error: unknown): AuthorizationReply {
  const { status, body } = answerForError(error);
  const headers = { "Content-Type": "application/json" };
  return { status, headers, body: Buffer.from(`${JSON.stringify(body)}\n`) };
}

function toPem(der: Buffer): string {
  const lines = der.toString("base64").replaceAll(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function pairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, index) =>
    index % 2 === 0 ? [[name, flat[index + 1] ?? ""] as const] : [],
  );
}

/** Names as Go writes them: `Content-Type`. The last of several values wins. */
function shownHeaders(
  headers: readonly (readonly [string, string])[],
): Readonly<Record<string, string>> {
  const shown = headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !CREDENTIAL_HEADERS.has(lower) && !UNSEEN_HEADERS.has(lower);
  });
  return Object.fromEntries(
    shown.map(([name, value]) => [
      name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** The request again, with a body that was read before; to be read once, as any. */
export function withReadBody(request: IncomingMessage, body: Uint8Array): IncomingMessage {
  let left: Uint8Array | undefined = body;
  const chunks = async function* chunks(): AsyncGenerator<Uint8Array> {
    const bytes = left;
    left = undefined;
    if (bytes && bytes.byteLength > 0) yield bytes;
  };
  return new Proxy(request, {
    get(target, key) {
      if (key === Symbol.asyncIterator) return chunks;
      return boundMember(target, key);
    },
  });
}

function boundMember(target: object, key: string | symbol): unknown {
  const member: unknown = Reflect.get(target, key, target);
  return typeof member === "function" ? member.bind(target) : member;
}

type Ended = () => void;

/**
 * An answer that waits for the plugins' consent. One that is streamed, or grows large, goes out as it comes: then there
 * is nothing left to hold back.
 */
export class HeldAnswer {
  readonly #target: ServerResponse;
  #status = 200;
  #headers: OutgoingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #isPassing = false;
  #onEnded: Ended[] = [];
  /** What handlers write to. */
  readonly response: ServerResponse;

  constructor(target: ServerResponse) {
    this.#target = target;
    const members: Readonly<Record<string, unknown>> = {
      writeHead: (status: number, headers?: OutgoingHttpHeaders) => this.#head(status, headers),
      flushHeaders: () => this.#pass(),
      write: (chunk: Uint8Array | string) => this.#write(chunk),
      end: (chunk?: Uint8Array | string | Ended, onEnded?: Ended) => this.#end(chunk, onEnded),
    };
    this.response = new Proxy(target, {
      get: (inner, key) =>
        typeof key === "string" && Object.hasOwn(members, key)
          ? members[key]
          : boundMember(inner, key),
      set: (inner, key, value) => Reflect.set(inner, key, value, inner),
    });
  }

  /** Whether it is on its way, in whole or in part. */
  get isPassing(): boolean {
    return this.#isPassing;
  }

  /** What plugins are told of it. */
  describe(uri: string): AuthorizationReply {
    const all = { ...this.#target.getHeaders(), ...this.#headers };
    const headers = shownHeaders(
      Object.entries(all).map(([name, value]) => [name, String(value)] as const),
    );
    const isBodyShown = !this.#isPassing && isShown(uri, headers["Content-Type"]);
    const body = isBodyShown ? { body: Buffer.concat(this.#chunks) } : {};
    return { status: this.#status, headers, ...body };
  }

  /** Sends what is held. */
  release(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    this.#target.writeHead(this.#status, this.#headers);
    this.#target.end(Buffer.concat(this.#chunks), () => {
      for (const onEnded of this.#onEnded) onEnded();
    });
  }

  #head(status: number, headers: OutgoingHttpHeaders | undefined): ServerResponse {
    this.#status = status;
    this.#headers = { ...headers };
    return this.response;
  }

  #pass(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    this.#target.writeHead(this.#status, this.#headers);
    this.#target.flushHeaders();
    for (const chunk of this.#chunks) this.#target.write(chunk);
    this.#chunks = [];
  }

  #write(chunk: Uint8Array | string): boolean {
    if (this.#isPassing) return this.#target.write(chunk);
    this.#hold(chunk);
    if (this.#sizeBytes > HELD_ANSWER_MAX_BYTES) this.#pass();
    return true;
  }

  #end(chunk: Uint8Array | string | Ended | undefined, onEnded: Ended | undefined): ServerResponse {
    const last = typeof chunk === "function" ? undefined : chunk;
    const done = typeof chunk === "function" ? chunk : onEnded;
    if (this.#isPassing) {
      this.#target.end(last ?? "", done);
      return this.response;
    }
    if (last !== undefined) this.#hold(last);
    if (done) this.#onEnded.push(done);
    return this.response;
  }

  #hold(chunk: Uint8Array | string): void {
    const bytes = Buffer.from(chunk);
    this.#chunks.push(bytes);
    this.#sizeBytes += bytes.byteLength;
  }
}
