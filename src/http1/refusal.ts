import { InvalidArgumentError } from "#base/errors.ts";

const REASONS = {
  400: "Bad Request",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
} as const;

export type RefusalStatus = keyof typeof REASONS;

/** Bytes that are no request, or one that could be read in two ways. Where the next one begins is unknown then. */
export class UnreadableRequestError extends InvalidArgumentError {
  readonly status: RefusalStatus;
  /** Whether the client is told why. Go's server tells it of a few faults only. */
  readonly isTold: boolean;

  constructor(message: string, options: { status?: RefusalStatus; isTold?: boolean } = {}) {
    super(message);
    this.status = options.status ?? 400;
    this.isTold = options.isTold ?? false;
  }
}

/** The answer to such bytes, after which the connection ends; word for word that of Go's `net/http`. */
export function formatRefusal({ status, isTold, message }: UnreadableRequestError): string {
  const line = `${status} ${REASONS[status]}${isTold ? `: ${message}` : ""}`;
  const body = status === 501 ? message : line;
  return `HTTP/1.1 ${status === 501 ? `501 ${REASONS[501]}` : line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${body}`;
}
