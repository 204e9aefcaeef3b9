import { UnreadableRequestError } from "./refusal.ts";
import type { RequestHead } from "./request-head.ts";

/** Where the body of a request ends. */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

const LENGTH = /^[0-9]{1,15}$/;

/**
 * Whatever could be read in two ways, by us and by a proxy before us, is refused: both headers, one of them twice, a
 * length with a sign. So nobody can smuggle a request in the body of another (RFC 9112, sections 6.3 and 11.2).
 *
 * @throws {UnreadableRequestError}
 */
export function bodyFraming({ fields, minorVersion }: RequestHead): BodyFraming {
  const encoding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (encoding !== undefined) {
    if (length !== undefined || minorVersion === 0) {
      throw new UnreadableRequestError("ambiguous length of the body");
    }
    if (encoding.toLowerCase() === "chunked") return { kind: "chunked" };
    throw new UnreadableRequestError("Unsupported transfer encoding", { status: 501 });
  }
  if (length === undefined) return { kind: "none" };
  if (!LENGTH.test(length)) throw new UnreadableRequestError("bad Content-Length"); // a second one is joined by a comma
  const bytes = Number(length);
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}
