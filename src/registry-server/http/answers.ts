import { type ErrorKind, WharfError } from "#base/errors.ts";
import { isStorageFull, RegistryError, storageFull } from "#registry-server/errors.ts";
import type { RegistryErrorBody } from "#spec/distribution/error-codes.ts";

const JSON_TYPE = "application/json; charset=utf-8";

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>>): Response {
  const length = status === 204 || status === 304 ? {} : { "Content-Length": "0" };
  return new Response(null, { status, headers: { ...length, ...headers } });
}

export function jsonAnswer(
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { "Content-Type": JSON_TYPE, ...headers },
  });
}

/** What a client is told of a failure. */
export interface ToldError {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly detail?: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** @param isHead An answer to `HEAD` has a length, but no body. */
export function errorAnswer(error: ToldError, isHead: boolean): Response {
  const { code, message, detail, status, headers } = error;
  const item = { code, message, ...(detail === undefined ? {} : { detail }) };
  const body: RegistryErrorBody = { errors: [item] };
  const text = `${JSON.stringify(body)}\n`;
  return new Response(isHead ? null : text, {
    status,
    headers: {
      "Content-Type": JSON_TYPE,
      ...(isHead ? { "Content-Length": String(Buffer.byteLength(text)) } : {}),
      ...headers,
    },
  });
}

const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  "invalid-argument": 400,
  unauthenticated: 401,
  "permission-denied": 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "failed-precondition": 412,
  "resource-exhausted": 429,
  "rate-limited": 429,
  unsupported: 405,
  unavailable: 503,
  cancelled: 503,
  internal: 500,
};

/** The words for a client; a bug shows none of its own. */
export function toldError(thrown: unknown): ToldError {
  if (thrown instanceof RegistryError) return thrown;
  if (isStorageFull(thrown)) return storageFull(thrown);
  if (!(thrown instanceof WharfError) || thrown.kind === "internal") {
    return new RegistryError("UNKNOWN", "", { cause: thrown });
  }
  const code = thrown.kind.toUpperCase().replaceAll("-", "_");
  const status = STATUS_OF_KIND[thrown.kind];
  const headers: Readonly<Record<string, string>> = status === 503 ? { "Retry-After": "5" } : {};
  return { code, status, message: thrown.message, headers };
}
