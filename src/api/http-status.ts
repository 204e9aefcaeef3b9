import type { ErrorKind } from "#base/errors.ts";

/** The one place where kinds of failure become HTTP status codes. */
export const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  "invalid-argument": 400,
  unauthenticated: 401,
  "permission-denied": 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "failed-precondition": 500,
  "resource-exhausted": 500,
  "rate-limited": 429,
  unsupported: 501,
  unavailable: 503,
  cancelled: 499,
  internal: 500,
};
