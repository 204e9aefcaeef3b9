import { REGISTRY_ERROR_CODES, type RegistryErrorCode } from "#spec/distribution/error-codes.ts";
import { type ErrorKind, FailedPreconditionError, WharfError } from "#base/errors.ts";
import { type HttpAnswer, requestTitle } from "./http/send.ts";

/** What a registry said instead of what was asked for. */
export class RegistryAnswerError extends WharfError {
  readonly kind: ErrorKind;
  readonly status: number;
  /** `MANIFEST_UNKNOWN` and the like; empty where the answer names none. */
  readonly codes: readonly string[];
  /** What the registry asks to wait before another try. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: Pick<RegistryAnswerError, "status" | "codes" | "retryAfterMs">,
  ) {
    super(message);
    this.kind = kindOfStatus(facts.status);
    this.status = facts.status;
    this.codes = facts.codes;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The registry wants a name and a password, and there are none for it. */
export class NoCredentialsError extends FailedPreconditionError {
  static readonly reason = "no basic auth credentials";
}

const BODY_MAX_BYTES = 64 * 1024;
const SHOWN_ERRORS = 5;
const SHOWN_CHARACTERS = 1000;
const RETRY_AFTER_MAX_MS = 5 * 60_000;

function kindOfStatus(status: number): ErrorKind {
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "permission-denied";
    case 404:
      return "not-found";
    case 429:
      return "rate-limited";
    default:
      return "failed-precondition";
  }
}

/** Reads a refusal to its end and puts it in Docker's words: `denied: requested access to …`. */
export async function readRefusal(answer: HttpAnswer): Promise<RegistryAnswerError> {
  let text = "";
  try {
    text = new TextDecoder().decode(await answer.bytes(BODY_MAX_BYTES));
  } catch (error) {
    if (error instanceof WharfError && error.kind === "cancelled") throw error;
    answer.close();
  }
  const { status, request } = answer;
  // an answer to HEAD has no body: its status says the same
  const items = request.method === "HEAD" ? itemsOfStatus(status) : readItems(text);
  const told = items.map(({ code, message }) => {
    const words = code.toLowerCase().replaceAll("_", " ");
    return message === "" ? words : `${words}: ${message}`;
  });
  const [only] = told;
  const message =
    told.length > 1
      ? `errors: ${told.join("; ")}`
      : (only ??
        `unexpected status from ${requestTitle(answer.request)}: ${answer.status} ${answer.reason}`.trimEnd());
  return new RegistryAnswerError(message.slice(0, SHOWN_CHARACTERS), {
    status: answer.status,
    codes: items.map(({ code }) => code),
    retryAfterMs: parseRetryAfter(answer.header("retry-after"), Date.now()),
  });
}

function itemsOfStatus(status: number): readonly Item[] {
  const codes: readonly RegistryErrorCode[] = ["UNAUTHORIZED", "DENIED", "TOOMANYREQUESTS"];
  const code = codes.find((one) => REGISTRY_ERROR_CODES[one].status === status);
  return code === undefined ? [] : [{ code, message: REGISTRY_ERROR_CODES[code].message }];
}

interface Item {
  readonly code: string;
  readonly message: string;
}

/** `errors` of distribution-spec, "Error codes"; the `details` that authorization servers send instead. */
function readItems(text: string): readonly Item[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return []; // a page of a proxy: the status is all it says
  }
  if (typeof value !== "object" || value === null) return [];
  if ("errors" in value && Array.isArray(value.errors)) {
    return value.errors.slice(0, SHOWN_ERRORS).flatMap((item: unknown) => readItem(item) ?? []);
  }
  if ("details" in value && typeof value.details === "string") {
    return [{ code: "unauthorized", message: oneLine(value.details) }];
  }
  return [];
}

function readItem(item: unknown): Item | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const code = "code" in item && typeof item.code === "string" ? item.code : "UNKNOWN";
  const message = "message" in item && typeof item.message === "string" ? item.message : "";
  return { code: oneLine(code), message: oneLine(message) };
}

/** A registry's text goes to terminals and logs: nothing in it may move the cursor or start a line. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

/**
 * A `Retry-After` header: seconds, or a date.
 *
 * @returns Milliseconds, at most five minutes; undefined for what is neither.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const delayMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), RETRY_AFTER_MAX_MS);
}
