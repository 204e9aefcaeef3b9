import { UnavailableError } from "#base/errors.ts";
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

/** @param isHead An answer to `HEAD` has a length, but no body. */
export function errorAnswer(error: RegistryError, isHead: boolean): Response {
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

/** The words for a client; a bug shows none of its own. */
export function toRegistryError(thrown: unknown): RegistryError {
  if (thrown instanceof RegistryError) return thrown;
  if (isStorageFull(thrown)) return storageFull(thrown);
  if (thrown instanceof UnavailableError) {
    return new RegistryError("UNAVAILABLE", thrown.message, {
      cause: thrown,
      headers: { "Retry-After": "5" },
    });
  }
  return new RegistryError("UNKNOWN", "", { cause: thrown });
}
