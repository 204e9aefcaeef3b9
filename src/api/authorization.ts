import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { AuthorizationCall, AuthorizationReply } from "#auth/authorizer.ts";
import { PermissionDeniedError } from "#base/errors.ts";
import type { Answer, AnswerFields } from "#http1/answer.ts";
import type { HttpRequest } from "#http1/incoming-request.ts";
import { readBytes } from "./body.ts";
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
/** What Go's server takes out of the headers. */
const UNSEEN_HEADER = "host";

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
  request: HttpRequest,
  source: AsyncIterable<Uint8Array>,
): Promise<Buffer | undefined> {
  if (!isShown(request.url, request.fields.get("content-type"))) return undefined;
  if (Number(request.fields.get("content-length") ?? "0") > SHOWN_BODY_MAX_BYTES) throw tooLarge();
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
  request: HttpRequest,
  body: Uint8Array | undefined,
): AuthorizationCall {
  return {
    ...describePeer(request.socket),
    method: request.method,
    uri: request.url,
    headers: shownHeaders(request.fields.pairs()),
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

/** Names as Go writes them: `Content-Type`. The last of several values wins. */
function shownHeaders(
  headers: readonly (readonly [string, string])[],
): Readonly<Record<string, string>> {
  const shown = headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !CREDENTIAL_HEADERS.has(lower) && lower !== UNSEEN_HEADER;
  });
  return Object.fromEntries(
    shown.map(([name, value]) => [
      name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      value,
    ]),
  );
}

/**
 * An answer that waits for the plugins' consent. One that is streamed, or grows large, goes out as it comes: then there
 * is nothing left to hold back.
 */
export class HeldAnswer implements Answer {
  readonly #target: Answer;
  readonly #commonFields: AnswerFields;
  #head: { readonly status: number; readonly fields: AnswerFields } = { status: 200, fields: {} };
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #isPassing = false;

  /** @param commonFields What `target` adds to its head. */
  constructor(target: Answer, commonFields: AnswerFields) {
    this.#target = target;
    this.#commonFields = commonFields;
  }

  /** Whether it is on its way, in whole or in part. */
  get headersSent(): boolean {
    return this.#isPassing;
  }

  get destroyed(): boolean {
    return this.#target.destroyed;
  }

  get waitingBytes(): number {
    return this.#target.waitingBytes;
  }

  writeHead(status: number, fields: AnswerFields = {}): void {
    this.#head = { status, fields };
  }

  flushHeaders(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    this.#target.writeHead(this.#head.status, this.#head.fields);
    this.#target.flushHeaders();
    for (const chunk of this.#chunks) this.#target.write(chunk);
    this.#chunks = [];
  }

  write(piece: Uint8Array | string): boolean {
    if (this.#isPassing) return this.#target.write(piece);
    this.#hold(piece);
    if (this.#sizeBytes > HELD_ANSWER_MAX_BYTES) this.flushHeaders();
    return true;
  }

  async drained(): Promise<void> {
    if (this.#isPassing) await this.#target.drained();
  }

  end(last?: Uint8Array | string): void {
    if (this.#isPassing) this.#target.end(last);
    else if (last !== undefined) this.#hold(last);
  }

  destroy(): void {
    this.#target.destroy();
  }

  /** What plugins are told of it. */
  describe(uri: string): AuthorizationReply {
    const { status, fields } = this.#head;
    const known = Object.entries({ ...this.#commonFields, ...fields });
    const headers = shownHeaders(
      known.flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)] as const],
      ),
    );
    const isBodyShown = !this.#isPassing && isShown(uri, headers["Content-Type"]);
    const body = isBodyShown ? { body: Buffer.concat(this.#chunks) } : {};
    return { status, headers, ...body };
  }

  /** Sends what is held. */
  release(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    this.#target.writeHead(this.#head.status, this.#head.fields);
    this.#target.end(Buffer.concat(this.#chunks));
  }

  #hold(chunk: Uint8Array | string): void {
    const bytes = Buffer.from(chunk);
    this.#chunks.push(bytes);
    this.#sizeBytes += bytes.byteLength;
  }
}
