import { InvalidArgumentError } from "#base/errors.ts";

/** Lengths of the codes of all bytes, then of the end, in bits. @see RFC 7541, appendix B */
const CODE_LENGTHS: readonly number[] = (
  "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 " +
  "6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 " +
  "13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 " +
  "15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 " +
  "20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 " +
  "22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 " +
  "26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 " +
  "20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 " +
  "30"
)
  .split(" ")
  .map(Number);

const END = 256;
/** What fills the last byte is shorter than one. */
const PADDING_MAX_BITS = 7;

/**
 * The codes by length: they are canonical, so those of one length follow each other in the order of their bytes, after all
 * shorter ones.
 */
interface CodeTable {
  /** First code of each length. */
  readonly first: readonly number[];
  /** Bytes of each length, in order. */
  readonly symbols: readonly (readonly number[])[];
}

function makeTable(): CodeTable {
  const most = Math.max(...CODE_LENGTHS);
  const symbols = Array.from({ length: most + 1 }, (): number[] => []);
  for (const [symbol, length] of CODE_LENGTHS.entries()) symbols[length]?.push(symbol);
  const first: number[] = [0];
  let code = 0;
  for (let length = 1; length <= most; length++) {
    code = (code + (symbols[length - 1]?.length ?? 0)) * 2;
    first.push(code);
  }
  return { first, symbols };
}

let table: CodeTable | undefined; // made at the first need; it never changes

/** @throws {InvalidArgumentError} The bits are no text. */
export function decodeHuffman(bytes: Uint8Array): Uint8Array {
  table ??= makeTable();
  const { first, symbols } = table;
  const decoded: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const found = symbols[length]?.[code - (first[length] ?? 0)];
      if (found === undefined) {
        if (length >= symbols.length) throw new InvalidArgumentError("A header's text is no text");
        continue;
      }
      if (found === END) throw new InvalidArgumentError("A header's text has its end within");
      decoded.push(found);
      code = 0;
      length = 0;
    }
  }
  // ones, fewer than a byte
  if (length > PADDING_MAX_BITS || code !== 2 ** length - 1) {
    throw new InvalidArgumentError("A header's text is cut off");
  }
  return Uint8Array.from(decoded);
}
