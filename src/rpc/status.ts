import { type ErrorKind, firstFailure, messageOf, WharfError } from "#base/errors.ts";
import { type AnyMessage, RPC_STATUS } from "#spec/buildkit/shared.ts";

/** Codes of gRPC (`google.golang.org/grpc/codes`). */
export const OK = 0;
export const CANCELLED = 1;
export const UNKNOWN = 2;
export const NOT_FOUND = 5;
export const ALREADY_EXISTS = 6;
export const UNIMPLEMENTED = 12;

const CODE_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  cancelled: 1,
  "invalid-argument": 3,
  "not-found": NOT_FOUND,
  conflict: 6,
  "permission-denied": 7,
  "rate-limited": 8,
  "resource-exhausted": 8,
  "failed-precondition": 9,
  "not-modified": 9,
  unsupported: UNIMPLEMENTED,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

const KIND_OF_CODE: ReadonlyMap<number, ErrorKind> = new Map(
  Object.entries(CODE_OF_KIND).map(([kind, code]) => [code, kind as ErrorKind]), // its keys are kinds
);

/** How a call ended. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly AnyMessage[];
}

/** An error that came from the other side, or that says more than a message. */
export class StatusError extends WharfError {
  override readonly kind: ErrorKind;
  readonly status: CallStatus;

  constructor(status: CallStatus, options?: ErrorOptions) {
    super(status.message, options);
    this.kind = KIND_OF_CODE.get(status.code) ?? "failed-precondition";
    this.status = status;
  }
}

export function statusOf(thrown: unknown): CallStatus {
  const error = firstFailure(thrown);
  if (error instanceof StatusError) return error.status;
  const code = error instanceof WharfError ? CODE_OF_KIND[error.kind] : UNKNOWN;
  return { code, message: messageOf(error), details: [] };
}

/** Trailers that tell a status. The message is percent-encoded, as gRPC wants it. */
export function statusTrailers({
  code,
  message,
  details,
}: CallStatus): Readonly<Record<string, string>> {
  return {
    "grpc-status": String(code),
    ...(message === "" ? {} : { "grpc-message": encodeMessage(message) }),
    ...(details.length === 0
      ? {}
      : {
          "grpc-status-details-bin": Buffer.from(RPC_STATUS.encode({ code, message, details }))
            .toString("base64")
            .replace(/=+$/, ""),
        }),
  };
}

/** @returns Undefined where the headers tell no end of a call. */
export function readStatus(headers: Readonly<Record<string, unknown>>): CallStatus | undefined {
  const code = headers["grpc-status"];
  if (typeof code !== "string" && typeof code !== "number") return undefined;
  const message = headers["grpc-message"];
  const details = headers["grpc-status-details-bin"];
  return {
    code: Number(code),
    message: typeof message === "string" ? decodeMessage(message) : "",
    details: typeof details === "string" ? decodeDetails(details) : [],
  };
}

function decodeDetails(text: string): readonly AnyMessage[] {
  try {
    return RPC_STATUS.decode(Buffer.from(text, "base64")).details;
  } catch {
    return []; // the code and the message tell the main thing
  }
}

/** gRPC's "Percent-Byte-Encoding": bytes outside of printable ASCII, and `%`. */
function encodeMessage(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded as it should be: better read raw than lost
  }
}
