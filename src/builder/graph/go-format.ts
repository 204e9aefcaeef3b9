import { formatGoDuration } from "#base/durations.ts";
import type { ImageHealthcheck } from "#spec/oci-image.ts";

/** Go's `%q` of a list: `["a" "b"]`. */
export function quoteList(words: readonly string[]): string {
  return `[${words.map(quote).join(" ")}]`;
}

/** Go's `%v` of a list: `[a b]`. */
export function plainList(words: readonly string[]): string {
  return `[${words.join(" ")}]`;
}

/** Go's `strconv.Quote`. */
function quote(word: string): string {
  return JSON.stringify(word)
    .replaceAll(/\\u00([01][0-9a-f])/g, "\\x$1")
    .replaceAll("\\b", "\\b")
    .replaceAll("\u007f", "\\x7f");
}

/** Go's `%q` of a health check, as the history of an image has it. */
export function quoteHealthcheck(check: ImageHealthcheck): string {
  const times = [
    check.intervalNanoseconds,
    check.timeoutNanoseconds,
    check.startPeriodNanoseconds,
    check.startIntervalNanoseconds,
  ].map((nanoseconds) => quote(formatGoDuration(nanoseconds)));
  const retries = `'${escapeRune(check.retries)}'`;
  return `&{${[quoteList(check.test), ...times, retries].join(" ")}}`;
}

const SHORT: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  39: "\\'",
  92: "\\\\",
};

/** A number as `%q` shows it: a character. */
function escapeRune(code: number): string {
  const short = SHORT[code];
  if (short !== undefined) return short;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
}
