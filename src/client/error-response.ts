import {
  type ErrorKind,
  errorOfKind,
  isErrorKind,
  UnavailableError,
  type WharfError,
} from "#base/errors.ts";

/** Where the engine does not send our `kind`: Docker's own use of status codes. */
const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  304: "not-modified",
  400: "invalid-argument",
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  409: "conflict",
  429: "resource-exhausted",
  500: "failed-precondition",
  501: "unsupported",
  503: "unavailable",
};

/** What an engine said when it refused; the `cause` of every error made from an answer. */
export class EngineAnswer extends Error {
  readonly status: number;

  /** @param message The engine's own words, without a prefix. */
  constructor(status: number, message: string) {
    super(message);
    this.name = "EngineAnswer";
    this.status = status;
  }
}

/** The engine's own words, where the error is an engine's answer. */
export function engineAnswerOf(error: unknown): EngineAnswer | undefined {
  return error instanceof Error && error.cause instanceof EngineAnswer ? error.cause : undefined;
}

/**
 * The error for an answer of 400 and above. Its message begins with `Error response from daemon: `
 * as docker prints it.
 *
 * @param body The answer's text: `{"message", "kind"?}`, or whatever a proxy put there.
 * @param route For a message when the body says nothing.
 */
export function errorFromAnswer(
  status: number,
  reason: string,
  body: string,
  route: string,
): WharfError {
  const parsed = parseBody(body);
  const fallback = status >= 500 ? "failed-precondition" : "invalid-argument";
  const kind = parsed.kind ?? kindOfStatus[status] ?? fallback;
  const cause = new EngineAnswer(status, parsed.message ?? body.trim());
  return errorOfKind(kind, describe(status, reason, parsed.message, body, route), { cause });
}

function describe(
  status: number,
  reason: string,
  message: string | undefined,
  body: string,
  route: string,
): string {
  if (message !== undefined && message !== "") return `Error response from daemon: ${message}`;
  if (body.trim() === "") {
    return `request returned ${status} ${reason} for API route and version ${route}, check if the server supports the requested API version`;
  }
  if (message === undefined && !body.trimStart().startsWith("{")) {
    return `Error response from daemon: ${body.trim()}`;
  }
  return `API returned a ${status} (${reason}) but provided no error-message`;
}

function parseBody(body: string): { message?: string; kind?: ErrorKind } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {}; // plain text: old engines and proxies
  }
  if (typeof value !== "object" || value === null) return {};
  const message =
    "message" in value && typeof value.message === "string" ? value.message : undefined;
  const kind = "kind" in value && isErrorKind(value.kind) ? value.kind : undefined;
  return { ...(message === undefined ? {} : { message }), ...(kind === undefined ? {} : { kind }) };
}

/** Why no connection came about. */
export type UnreachableReason = "missing" | "refused" | "denied" | "tls" | "other";

/** No engine answers at the endpoint. */
export class EngineUnreachableError extends UnavailableError {
  readonly endpoint: string;
  readonly reason: UnreachableReason;

  constructor(endpoint: string, reason: UnreachableReason, message: string, cause: unknown) {
    super(message, { cause });
    this.endpoint = endpoint;
    this.reason = reason;
  }
}

/** Docker's words for a connection that failed. */
export function unreachableError(endpoint: string, cause: unknown): EngineUnreachableError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const text = cause instanceof Error ? cause.message : String(cause);
  const reason = reasonOf(code);
  switch (reason) {
    case "missing":
      return new EngineUnreachableError(
        endpoint,
        reason,
        `failed to connect to the docker API at ${endpoint}; check if the path is correct and if the daemon is running: no such file or directory`,
        cause,
      );
    case "refused":
      return new EngineUnreachableError(
        endpoint,
        reason,
        `Cannot connect to the Docker daemon at ${endpoint}. Is the docker daemon running?`,
        cause,
      );
    case "denied":
      return new EngineUnreachableError(
        endpoint,
        reason,
        `permission denied while trying to connect to the docker API at ${endpoint}`,
        cause,
      );
    case "tls":
    case "other":
      return new EngineUnreachableError(
        endpoint,
        reason,
        `error during connect: ${endpoint}: ${text}`,
        cause,
      );
  }
}

function reasonOf(code: string): UnreachableReason {
  if (code === "ENOENT") return "missing";
  if (["ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"].includes(code)) return "refused";
  if (code === "EACCES" || code === "EPERM") return "denied";
  if (/CERT|SSL|TLS|SIGNATURE|ISSUER|SELF_SIGNED/.test(code)) return "tls";
  return "other";
}
