import { CancelledError } from "#base/errors.ts";
import type { Answer } from "#http1/answer.ts";
import type { HttpRequest } from "#http1/incoming-request.ts";
import type { ApiVersion } from "#spec/engine-api/version.ts";
import type { Query } from "./query.ts";

/** What every handler knows of its request. */
export interface RequestContext {
  /** The prefix's version, the newest without a prefix: the shape the answer must have. */
  readonly version: ApiVersion;
  /** Decoded `{…}` parts of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** Aborts when the client hangs up or the server ends. */
  readonly signal: AbortSignal;
  /** @see ApiServerOptions.explain */
  readonly explain: (thrown: unknown) => unknown;
}

/** One request with its answer. */
export interface Exchange extends RequestContext {
  readonly request: HttpRequest;
  readonly response: Answer;
}

/** @throws {Error} Never: a part that the route's pattern names is always there. */
export function pathPart(context: RequestContext, name: string): string {
  return context.params[name] ?? "";
}

export function sendJson(exchange: Exchange, status: number, body: unknown): void {
  sendJsonText(exchange.response, status, `${JSON.stringify(body)}\n`);
}

/** A refusal; 304 has no body. */
export function sendErrorBody(answer: Answer, status: number, body: object): void {
  if (status !== 304) return sendJsonText(answer, status, `${JSON.stringify(body)}\n`);
  answer.writeHead(status);
  answer.end();
}

/** @param text JSON with a line end. */
export function sendJsonText(answer: Answer, status: number, text: string): void {
  answer.writeHead(status, { "Content-Type": "application/json" });
  answer.end(text);
}

/** 204, or 304 and the like: a status that has no body. */
export function sendStatus(exchange: Exchange, status: number): void {
  exchange.response.writeHead(status);
  exchange.response.end();
}

/** Docker answers 200 with an empty body here (resize). */
export function sendEmpty(exchange: Exchange): void {
  exchange.response.writeHead(200, { "Content-Length": 0 });
  exchange.response.end();
}

/** Begins an answer that comes in pieces; its headers leave at once. */
export function beginStream(exchange: Exchange, contentType: string): void {
  exchange.response.writeHead(200, { "Content-Type": contentType });
  exchange.response.flushHeaders();
}

/**
 * Writes one piece; resolves when the client can take more.
 *
 * @throws {CancelledError} The client is gone.
 */
export async function writePiece(exchange: Exchange, piece: Uint8Array | string): Promise<void> {
  const { response, signal } = exchange;
  if (signal.aborted || response.destroyed) throw new CancelledError("The client hung up");
  if (response.write(piece)) return;
  await new Promise<void>((resolve) => {
    const goOn = (): void => {
      signal.removeEventListener("abort", goOn);
      resolve();
    };
    signal.addEventListener("abort", goOn);
    void response.drained().then(goOn);
  });
  if (signal.aborted || response.destroyed) throw new CancelledError("The client hung up");
}
