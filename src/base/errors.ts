/**
 * The kinds of failure. An edge maps them once: `api/http-status.ts` to HTTP, `cli/exit-code.ts` to
 * exit codes. Both are `Record<ErrorKind, number>`, so a new kind does not compile until mapped.
 */
export type ErrorKind =
  | "invalid-argument"
  | "unauthenticated"
  | "permission-denied"
  | "not-found"
  | "conflict"
  | "not-modified"
  | "failed-precondition"
  | "resource-exhausted"
  | "rate-limited"
  | "unsupported"
  | "unavailable"
  | "cancelled"
  | "internal";

/**
 * Base of every error that Wharf throws on purpose. The message says what was attempted, on what,
 * then why, on one line without a full stop; context goes in `cause`.
 */
export abstract class WharfError extends Error {
  abstract readonly kind: ErrorKind;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The caller's input is wrong and stays wrong however often it is sent. */
export class InvalidArgumentError extends WharfError {
  override readonly kind = "invalid-argument";
}

/** The caller must say who it is. */
export class UnauthenticatedError extends WharfError {
  override readonly kind = "unauthenticated";
}

/** The caller is known and may not do this. */
export class PermissionDeniedError extends WharfError {
  override readonly kind = "permission-denied";
}

/** What was named does not exist. */
export class NotFoundError extends WharfError {
  override readonly kind = "not-found";
}

/** The state of the thing, or a second thing of that name, forbids it now. */
export class ConflictError extends WharfError {
  override readonly kind = "conflict";
}

/** The thing is already as asked: start of a running container (HTTP 304). */
export class NotModifiedError extends WharfError {
  override readonly kind = "not-modified";
}

/** The host or engine lacks something that the request needs (HTTP 500, but explained in full). */
export class FailedPreconditionError extends WharfError {
  override readonly kind = "failed-precondition";
}

/** A limit of disk, memory, addresses, processes or size is reached. */
export class ResourceExhaustedError extends WharfError {
  override readonly kind = "resource-exhausted";
}

/** Asked too often: the same will do later. */
class RateLimitedError extends WharfError {
  override readonly kind = "rate-limited";
}

/** Wharf, this kernel or this runtime cannot do it, and says so. */
export class UnsupportedError extends WharfError {
  override readonly kind = "unsupported";
}

/** A peer (registry, plugin, daemon) does not answer now; a later try may succeed. */
export class UnavailableError extends WharfError {
  override readonly kind = "unavailable";
}

/** The caller gave up, or the engine is stopping. */
export class CancelledError extends WharfError {
  override readonly kind = "cancelled";
}

/** A bug in Wharf. Clients see no internals, the log all. */
export class InternalError extends WharfError {
  override readonly kind = "internal";
}

/** @throws {InternalError} When `condition` does not hold: a bug in Wharf, never bad input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(`Invariant broken: ${message}`);
}

/** Ends an exhaustive `switch`: compiles only where no case is left. */
export function assertNever(value: never): never {
  throw new InternalError(`Unexpected case: ${JSON.stringify(value)}`);
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof SuppressedError) {
    return `${messageOf(thrown.suppressed)}; then, while that was undone: ${messageOf(thrown.error)}`;
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What went wrong first, where more did while it was undone: `await using` makes a SuppressedError of that. */
export function firstFailure(thrown: unknown): unknown {
  return thrown instanceof SuppressedError ? firstFailure(thrown.suppressed) : thrown;
}

type ErrorClass = new (message: string, options?: ErrorOptions) => WharfError;

const CLASS_OF_KIND: Readonly<Record<ErrorKind, ErrorClass>> = {
  "invalid-argument": InvalidArgumentError,
  unauthenticated: UnauthenticatedError,
  "permission-denied": PermissionDeniedError,
  "not-found": NotFoundError,
  conflict: ConflictError,
  "not-modified": NotModifiedError,
  "failed-precondition": FailedPreconditionError,
  "resource-exhausted": ResourceExhaustedError,
  "rate-limited": RateLimitedError,
  unsupported: UnsupportedError,
  unavailable: UnavailableError,
  cancelled: CancelledError,
  internal: InternalError,
};

/** The error that another process told by its kind and message. */
export function errorOfKind(kind: ErrorKind, message: string, options?: ErrorOptions): WharfError {
  return new CLASS_OF_KIND[kind](message, options);
}

/** For a kind that came over a wire. */
export function isErrorKind(value: unknown): value is ErrorKind {
  return typeof value === "string" && Object.hasOwn(CLASS_OF_KIND, value);
}
