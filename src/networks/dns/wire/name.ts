/** Longest name without the closing dot (RFC 1035, 3.1, counted as text). */
const MAX_TEXT_BYTES = 253;

/** Names compare without case as far as they are ASCII (RFC 4343). */
export function foldCase(text: string): string {
  // toLowerCase() is quick, and knows letters beyond ASCII
  return /[\x80-\uffff]/.test(text)
    ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    : text.toLowerCase();
}

/**
 * The text of a name in wire form, `web.net`, without the root's dot.
 *
 * @param key As in a query: a character a byte.
 * @returns Undefined for a name with a dot or a zero within a label: it has no text of its own.
 */
export function textOfKey(key: string): string | undefined {
  const labels: string[] = [];
  for (let at = 0; at < key.length; ) {
    const length = key.charCodeAt(at);
    if (length === 0) break;
    const label = key.slice(at + 1, at + 1 + length);
    if (label.includes(".") || label.includes("\0")) return undefined;
    labels.push(label);
    at += 1 + length;
  }
  // a character each stands for a byte; names of containers may have more than ASCII
  return Buffer.from(labels.join("."), "latin1").toString("utf8");
}

/**
 * A name in wire form.
 *
 * @param text `web.net`; a dot at its end counts for nothing.
 * @returns Undefined when a label has more than 63 bytes or none, or all together more than a name may have.
 */
export function encodeName(text: string): Buffer | undefined {
  const bytes = Buffer.from(text.replace(/\.$/, ""), "utf8");
  if (bytes.length === 0 || bytes.length > MAX_TEXT_BYTES) return undefined;
  const encoded = Buffer.alloc(bytes.length + 2);
  let lengthAt = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== 0x2e) {
      encoded[at + 1] = bytes[at] ?? 0;
      continue;
    }
    const length = at - lengthAt;
    if (length === 0 || length > 63) return undefined;
    encoded[lengthAt] = length;
    lengthAt = at + 1;
  }
  return encoded;
}

const V4_SUFFIX = ".in-addr.arpa";
const V6_SUFFIX = ".ip6.arpa";

/** The address that a name for a reverse look-up stands for: `4.3.2.1.in-addr.arpa`, 32 nibbles and `ip6.arpa`. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith(V4_SUFFIX)) {
    const parts = name.slice(0, -V4_SUFFIX.length).split(".");
    const isWhole = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part));
    return isWhole ? parts.toReversed().join(".") : undefined;
  }
  if (!name.endsWith(V6_SUFFIX)) return undefined;
  const nibbles = name.slice(0, -V6_SUFFIX.length).split(".");
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) {
    return undefined;
  }
  return nibbles
    .toReversed()
    .join("")
    .replace(/(....)(?=.)/g, "$1:");
}
