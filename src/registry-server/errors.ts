import { type ErrorKind, WharfError } from "#base/errors.ts";
import { REGISTRY_ERROR_CODES, type RegistryErrorCode } from "#spec/distribution/error-codes.ts";

export interface RegistryErrorOptions extends ErrorOptions {
  /** Shown to the client beside the message. */
  readonly detail?: unknown;
  /** Instead of the code's usual status. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Partial<Record<RegistryErrorCode, ErrorKind>>> = {
  BLOB_UNKNOWN: "not-found",
  BLOB_UPLOAD_UNKNOWN: "not-found",
  MANIFEST_BLOB_UNKNOWN: "not-found",
  MANIFEST_UNKNOWN: "not-found",
  NAME_UNKNOWN: "not-found",
  UNAUTHORIZED: "unauthenticated",
  DENIED: "permission-denied",
  UNSUPPORTED: "unsupported",
  TOOMANYREQUESTS: "resource-exhausted",
  UNAVAILABLE: "unavailable",
  UNKNOWN: "internal",
};

/** A refusal in the words of distribution-spec. */
export class RegistryError extends WharfError {
  override readonly kind: ErrorKind;
  readonly code: RegistryErrorCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  /** @param message Empty for the code's usual text. */
  constructor(code: RegistryErrorCode, message = "", options: RegistryErrorOptions = {}) {
    super(message || REGISTRY_ERROR_CODES[code].message, options);
    this.kind = KINDS[code] ?? "invalid-argument";
    this.code = code;
    this.status = options.status ?? REGISTRY_ERROR_CODES[code].status;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}

/** Whether the disk or its quota is full. */
export function isStorageFull(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    "code" in thrown &&
    /^(ENOSPC|EDQUOT|SQLITE_FULL)$/.test(String(thrown.code))
  );
}

export function storageFull(cause: unknown): RegistryError {
  return new RegistryError("UNAVAILABLE", "the registry's storage is full", { status: 507, cause });
}
