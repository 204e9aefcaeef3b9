import { convert, textOf } from "#bake/hcl/convert.ts";
import { type ExactNumber, formatExact, isInteger, toNumber } from "#bake/hcl/exact-number.ts";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import {
  BOOL,
  isSequence,
  list,
  NUMBER,
  STRING,
  text,
  type Type,
  type Value,
} from "#bake/hcl/value.ts";
import { asText, nullableParameter, textParameter } from "./arguments.ts";
import { jsonText } from "./json.ts";

const VERB = /%(?:\[(\d+)\])?([-+ #0]*)(\d+)?(?:\.(\d+))?(?:\[(\d+)\])?([a-zA-Z%])/gu;
const WIDEST = 10_000;

interface Verb {
  readonly flags: string;
  readonly precision: number | undefined;
  readonly letter: string;
}

/** `format("%s-%03d", …)`. Arguments are counted from 1, behind the text itself. */
function formatted(template: string, values: readonly Value[]): string {
  let next = 0;
  const used = new Set<number>();
  const done = template.replaceAll(
    VERB,
    (
      _,
      first?: string,
      flags = "",
      width?: string,
      precision?: string,
      second?: string,
      letter = "",
    ) => {
      if (letter === "%") return "%";
      const given = first ?? second;
      const at = given === undefined ? next : Number(given) - 1;
      next = at + 1;
      used.add(at);
      const value = values[at];
      if (!value) throw new ArgumentError(0, `not enough arguments for verb "%${letter}"`);
      const verb = {
        flags,
        letter,
        precision: precision === undefined ? undefined : Number(precision),
      };
      return padded(
        written(value, verb, at + 1),
        flags,
        Math.min(Number(width ?? 0), WIDEST),
        letter,
      );
    },
  );
  if (used.size > 0 ? values.length > Math.max(...used) + 1 : values.length > 0) {
    throw new ArgumentError(used.size + 1, "too many arguments; this one is not used");
  }
  if (template.replaceAll(VERB, "").endsWith("%")) {
    throw new ArgumentError(0, "the text ends with an unfinished %");
  }
  return done;
}

function padded(body: string, flags: string, width: number, letter: string): string {
  if (flags.includes("-")) return body.padEnd(width);
  const isNumber = "bdoxXeEfgG".includes(letter) || /^[+-]?\d/.test(body);
  if (!flags.includes("0") || !isNumber) return body.padStart(width);
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/.exec(body) ?? [];
  return `${sign}${digits.padStart(width - sign.length, "0")}`;
}

function wanted(value: Value, type: Type, index: number): Value {
  if (value.kind === "null") throw new ArgumentError(index, "it is null");
  const made = convert(value, type);
  if (made.ok) return made.value;
  throw new ArgumentError(index, made.reason);
}

function written(value: Value, verb: Verb, index: number): string {
  const { letter, flags, precision } = verb;
  switch (letter) {
    case "v":
      if (flags.includes("#") || textOf(value) === undefined) return jsonText(value);
      return value.kind === "number" ? signed(value.value, flags) : (textOf(value) ?? "");
    case "s": {
      const found = asText(wanted(value, STRING, index));
      return precision === undefined ? found : Array.from(found).slice(0, precision).join("");
    }
    case "q":
      return JSON.stringify(asText(wanted(value, STRING, index)));
    case "t":
      return textOf(wanted(value, BOOL, index)) ?? "";
    default:
      return writtenNumber(value, verb, index);
  }
}

function signed(value: ExactNumber, flags: string): string {
  const plus = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return value.numerator < 0n ? formatExact(value) : `${plus}${formatExact(value)}`;
}

const BASES: Readonly<Record<string, number>> = { b: 2, o: 8, d: 10, x: 16, X: 16 };

function writtenNumber(value: Value, { letter, flags, precision }: Verb, index: number): string {
  const found = wanted(value, NUMBER, index);
  if (found.kind !== "number") throw new ArgumentError(index, "a number is required");
  const plus =
    found.value.numerator < 0n ? "" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const base = BASES[letter];
  if (base !== undefined) {
    if (!isInteger(found.value)) throw new ArgumentError(index, "a whole number is required");
    const digits = found.value.numerator.toString(base);
    return `${plus}${letter === "X" ? digits.toUpperCase() : digits}`;
  }
  const number = toNumber(found.value);
  switch (letter) {
    case "f":
    case "F":
      return `${plus}${number.toFixed(Math.min(precision ?? 6, 100))}`;
    case "e":
    case "E": {
      const exponential = number
        .toExponential(Math.min(precision ?? 6, 100))
        .replace(/e([+-])(\d)$/, "e$10$2");
      return `${plus}${letter === "E" ? exponential.toUpperCase() : exponential}`;
    }
    case "g":
    case "G":
      return `${plus}${precision === undefined ? formatExact(found.value) : String(Number(number.toPrecision(Math.max(1, Math.min(precision, 100)))))}`;
    default:
      throw new ArgumentError(0, `unsupported format verb "${letter}"`);
  }
}

/** Every list gives one element to each of the results. */
function formattedList(template: string, values: readonly Value[]): readonly string[] {
  const lengths = values.filter(isSequence).map(({ items }) => items.length);
  const length = lengths[0] ?? 1;
  if (lengths.some((one) => one !== length)) {
    throw new ArgumentError(-1, "the lists have different lengths");
  }
  return Array.from({ length }, (_, at) =>
    formatted(
      template,
      values.map((one) => (isSequence(one) ? (one.items[at] ?? one) : one)),
    ),
  );
}

export const FORMAT_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  format: hclFunction(
    [textParameter("format")],
    (template, ...values) => text(formatted(asText(template), values)),
    nullableParameter("args"),
  ),
  formatlist: hclFunction(
    [textParameter("format")],
    (template, ...values) => list(STRING, formattedList(asText(template), values).map(text)),
    nullableParameter("args"),
  ),
};
