/** First and last byte, both inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type RangeRequest =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly range: ByteRange }
  | { readonly kind: "unsatisfiable" };

/**
 * What a `Range` header asks of a thing of `sizeBytes`. As RFC 9110 section 14.2 allows, a header that is
 * not understood or asks for several parts is answered with the whole; one that ends before it begins is refused, as
 * distribution-spec's own tests want it.
 */
export function planRange(header: string | null, sizeBytes: number): RangeRequest {
  const found = /^bytes=\s*(\d{0,16})\s*-\s*(\d{0,16})\s*$/.exec(header ?? "");
  const [, from = "", to = ""] = found ?? [];
  if (!found || (from === "" && to === "")) return { kind: "whole" };
  if (from === "") {
    const count = Math.min(Number(to), sizeBytes);
    if (count === 0) return { kind: "unsatisfiable" };
    return { kind: "part", range: { first: sizeBytes - count, last: sizeBytes - 1 } };
  }
  const first = Number(from);
  const endsBefore = to !== "" && Number(to) < first;
  if (endsBefore || first >= sizeBytes) return { kind: "unsatisfiable" };
  const last = to === "" ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  return { kind: "part", range: { first, last } };
}

/**
 * The `Content-Range` of an upload's chunk: `0-1023`, or `bytes 0-1023/*` as some clients write it.
 *
 * @returns Undefined for what is no range.
 */
export function tryParseContentRange(header: string): ByteRange | undefined {
  const found = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(?:\d{1,16}|\*))?$/.exec(header.trim());
  if (!found) return undefined;
  const range = { first: Number(found[1]), last: Number(found[2]) };
  return range.last < range.first ? undefined : range;
}

/** The `Range` that tells how much of an upload has come; `0-0` for nothing, as Docker's registry has it. */
export function formatUploadRange(sizeBytes: number): string {
  return `0-${Math.max(sizeBytes - 1, 0)}`;
}
