import { composeError } from "./positions.ts";

/**
 * The text of a Compose file: UTF-8, or UTF-16 where it begins with a mark that says so.
 *
 * @param file As the user named it, for messages.
 * @throws {InvalidArgumentError} It is neither, or has characters that YAML forbids; at line and column.
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  const text = decode(bytes, file);
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden) {
    const code = forbidden[0].charCodeAt(0).toString(16).padStart(2, "0");
    const what = `not valid YAML: control characters are not allowed: \\x${code}`;
    throw composeError({ position: endOf(text.slice(0, forbidden.index), file), what });
  }
  return text;
}

// YAML 1.2, 5.1 "Character Set"
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\0-\x08\x0B\x0C\x0E-\x1F\x7F]/;

function decode(bytes: Uint8Array, file: string): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return decodeBigEndian(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const before = new TextDecoder().decode(bytes.subarray(0, firstFault(bytes)), { stream: true });
    throw composeError({ position: endOf(before, file), what: "not valid YAML: not UTF-8" });
  }
}

function decodeBigEndian(bytes: Uint8Array): string {
  const swapped = Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
  return new TextDecoder("utf-16le").decode(swapped);
}

/** @returns Where the first bytes are that are no character. */
function firstFault(bytes: Uint8Array): number {
  let fine = 0;
  let faulty = bytes.length;
  // what is cut within a character counts as fine when it is decoded as a part of a stream
  while (faulty - fine > 1) {
    const middle = (fine + faulty) >> 1;
    if (isText(bytes.subarray(0, middle))) fine = middle;
    else faulty = middle;
  }
  return fine;
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function endOf(
  text: string,
  file: string,
): { readonly file: string; readonly line: number; readonly column: number } {
  const lines = text.split("\n");
  return { file, line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}
