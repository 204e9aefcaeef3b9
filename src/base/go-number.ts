/** Numbers in the notation of Go's `strconv` and `fmt`. */

function trimZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

function twoDigitExponent(exponent: number): string {
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `e${exponent < 0 ? "-" : "+"}${digits}`;
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? "+Inf" : "-Inf";
}

/** `%e`: one digit, the point, `precision` digits, an exponent of at least two digits. */
export function formatExponent(value: number, precision = 6): string {
  const name = special(value);
  if (name !== undefined) return name;
  const [mantissa = "", exponent = "0"] = value.toExponential(Math.min(precision, 100)).split("e");
  return mantissa + twoDigitExponent(Number(exponent));
}

/**
 * `%g`: the shortest text that reads back the same, or, with a precision, that many significant
 * digits; exponent form for large and small values.
 *
 * @param precision Significant digits; 0 counts as 1.
 */
export function formatGeneral(value: number, precision?: number): string {
  const name = special(value);
  if (name !== undefined) return name;
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const digits = precision === undefined ? undefined : Math.min(Math.max(precision, 1), 100);
  const [mantissa = "", exponentText = "0"] = (
    digits === undefined ? value.toExponential() : value.toExponential(digits - 1)
  ).split("e");
  const exponent = Number(exponentText);
  // without a precision Go switches to exponent form at 1e21 (`%v`) like JavaScript
  const limit = digits ?? 21;
  if (exponent < -4 || exponent >= limit) return trimZeros(mantissa) + twoDigitExponent(exponent);
  if (digits === undefined) return expand(mantissa, exponent);
  return trimZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

function expand(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, "0");
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** `strconv.Quote`: a Go string literal in double quotes. */
export function quoteGo(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const short = SHORT_ESCAPES.get(character);
    if (short !== undefined) quoted += short;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (
      /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ||
      (code !== 0x20 && /\p{Zs}/u.test(character))
    ) {
      quoted +=
        code > 0xffff
          ? `\\U${code.toString(16).padStart(8, "0")}`
          : `\\u${code.toString(16).padStart(4, "0")}`;
    } else quoted += character;
  }
  return `${quoted}"`;
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);
