import { HeaderFields } from "./header-fields.ts";
import { UnreadableRequestError } from "./refusal.ts";

/** What comes before the body of a request. */
export interface RequestHead {
  readonly method: string;
  /** As it was sent: path and query, or a whole URL. */
  readonly target: string;
  /** HTTP/1.0 or a later one of HTTP/1. */
  readonly minorVersion: number;
  readonly fields: HeaderFields;
}

const REQUEST_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/([0-9])\.([0-9])$/;

/**
 * @param text The head in latin1, without the empty line at its end.
 * @throws {UnreadableRequestError} In the words and with the statuses of Go's `net/http`.
 * @see RFC 9112, sections 3 and 5.
 */
export function parseRequestHead(text: string): RequestHead {
  const lines = text.split("\r\n");
  const [, method, target, major, minor] = REQUEST_LINE.exec(lines[0] ?? "") ?? [];
  if (method === undefined || target === undefined) {
    throw new UnreadableRequestError("malformed HTTP request");
  }
  if (major !== "1") {
    throw new UnreadableRequestError("unsupported protocol version", { status: 505, isTold: true });
  }
  const fields = HeaderFields.parse(lines, 1);
  const minorVersion = Number(minor);
  const hosts = fields.count("host");
  if (hosts > 1) throw new UnreadableRequestError("too many Host headers");
  if (hosts === 0 && minorVersion > 0) {
    throw new UnreadableRequestError("missing required Host header", { isTold: true });
  }
  return { method, target, minorVersion, fields };
}

/** Whether the client means to send another request on the connection. RFC 9112, section 9.3. */
export function isPersistent({ fields, minorVersion }: RequestHead): boolean {
  return minorVersion > 0
    ? !fields.lists("connection", "close")
    : fields.lists("connection", "keep-alive");
}

/** Whether the client asks for another protocol on the connection. RFC 9110, section 7.8. */
export function asksForUpgrade({ fields }: RequestHead): boolean {
  return fields.get("upgrade") !== undefined && fields.lists("connection", "upgrade");
}
