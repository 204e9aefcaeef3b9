import { InvalidArgumentError } from "./errors.ts";
import { formatGeneral } from "./go-number.ts";

/** Sizes as Docker's go-units prints and reads them. */

const DECIMAL_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"] as const;
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] as const;
const SUFFIXES = "bkmgtp";

function scaled(sizeBytes: number, base: number, units: readonly string[], digits: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return formatGeneral(value, digits) + units[unit];
}

/** `1.234kB`: powers of 1000, `significantDigits` of them (Docker's tables use 3 or 4). */
export function formatDecimalSize(sizeBytes: number, significantDigits = 4): string {
  return scaled(sizeBytes, 1000, DECIMAL_UNITS, significantDigits);
}

/** `1.5GiB`: powers of 1024, 4 significant digits. */
export function formatBinarySize(sizeBytes: number): string {
  return scaled(sizeBytes, 1024, BINARY_UNITS, 4);
}

function parseSize(text: string, base: number): number {
  const invalid = (): InvalidArgumentError => new InvalidArgumentError(`invalid size: '${text}'`);
  const match = /^(.*[0-9.]) ?([^0-9. ]*)$/.exec(text);
  const number = match?.[1] ?? "";
  if (!match || !/^\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number)) throw invalid();
  const suffix = match[2] ?? "";
  const value = Number(number);
  const lower = suffix.toLowerCase();
  if (lower === "" || lower === "b") return Math.trunc(value);
  const power = SUFFIXES.indexOf(lower.charAt(0));
  if (power < 1 || !["", "b", "ib"].includes(lower.slice(1))) {
    throw new InvalidArgumentError(`invalid suffix: '${suffix}'`);
  }
  const bytes = Math.trunc(value * base ** power);
  if (bytes > 2 ** 63) throw invalid();
  return bytes;
}

/**
 * Reads `512m`, `1g`, `1.5GiB`, `64 kb` as powers of 1024, whatever the suffix's spelling.
 *
 * @returns Bytes.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseBinarySize(text: string): number {
  return parseSize(text, 1024);
}

/**
 * Reads `10GB` as powers of 1000.
 *
 * @returns Bytes.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseDecimalSize(text: string): number {
  return parseSize(text, 1000);
}
