import { formatExponent, formatGeneral, quoteGo } from "#base/go-number.ts";
import {
  formatValue,
  type GoValue,
  isMap,
  mapEntries,
  TemplateStruct,
  typeName,
} from "./values.ts";

interface Directive {
  readonly flags: string;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

/** Wider padding is refused: one short format could otherwise ask for any amount of memory. */
const MAX_WIDTH = 1_000_000;

function pad(text: string, directive: Directive, mayZero: boolean): string {
  const width = directive.width ?? 0;
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (directive.flags.includes("-")) return text + " ".repeat(missing);
  if (!directive.flags.includes("0") || !mayZero) return " ".repeat(missing) + text;
  const sign = /^[-+ ]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function withSign(text: string, directive: Directive): string {
  if (text.startsWith("-") || text.startsWith("+")) return text;
  if (directive.flags.includes("+")) return `+${text}`;
  return directive.flags.includes(" ") ? ` ${text}` : text;
}

function formatInteger(value: bigint, directive: Directive): string | undefined {
  const isSharp = directive.flags.includes("#");
  const inBase = (base: number, prefix: string): string => {
    const digits = (value < 0n ? -value : value)
      .toString(base)
      .padStart(directive.precision ?? 0, "0");
    return (value < 0n ? "-" : "") + (isSharp ? prefix : "") + digits;
  };
  switch (directive.verb) {
    case "v":
    case "d":
      return pad(withSign(inBase(10, ""), directive), directive, true);
    case "b":
      return pad(withSign(inBase(2, "0b"), directive), directive, true);
    case "o":
      return pad(withSign(inBase(8, "0"), directive), directive, true);
    case "O":
      return pad(withSign(`0o${inBase(8, "")}`, directive), directive, true);
    case "x":
      return pad(withSign(inBase(16, "0x"), directive), directive, true);
    case "X":
      return pad(withSign(inBase(16, "0x").toUpperCase(), directive), directive, true);
    case "c":
      return pad(codePoint(value), directive, false);
    case "q":
      return pad(`'${codePoint(value)}'`, directive, false);
    case "U":
      return pad(`U+${value.toString(16).toUpperCase().padStart(4, "0")}`, directive, false);
    default:
      return undefined;
  }
}

function codePoint(value: bigint): string {
  return value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "\ufffd";
}

function formatFloat(value: number, directive: Directive): string | undefined {
  const text = floatText(value, directive);
  return text === undefined ? undefined : pad(withSign(text, directive), directive, true);
}

function floatText(value: number, { verb, precision }: Directive): string | undefined {
  switch (verb) {
    case "e":
      return formatExponent(value, precision ?? 6);
    case "E":
      return formatExponent(value, precision ?? 6).toUpperCase();
    case "f":
    case "F":
      return Number.isFinite(value)
        ? value.toFixed(Math.min(precision ?? 6, 100))
        : formatGeneral(value);
    case "v":
    case "g":
      return formatGeneral(value, precision);
    case "G":
      return formatGeneral(value, precision).toUpperCase();
    default:
      return undefined;
  }
}

function formatString(value: string, directive: Directive): string | undefined {
  const cut =
    directive.precision === undefined
      ? value
      : Array.from(value).slice(0, directive.precision).join("");
  switch (directive.verb) {
    case "v":
      return pad(directive.flags.includes("#") ? quoteGo(cut) : cut, directive, true);
    case "s":
      return pad(cut, directive, true);
    case "q":
      return pad(
        directive.flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : quoteGo(cut),
        directive,
        true,
      );
    case "x":
      return pad(Buffer.from(cut).toString("hex"), directive, true);
    case "X":
      return pad(Buffer.from(cut).toString("hex").toUpperCase(), directive, true);
    default:
      return undefined;
  }
}

function badVerb(value: GoValue, verb: string): string {
  if (value === null || value === undefined) return `%!${verb}(<nil>)`;
  return `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

function formatScalar(value: GoValue, directive: Directive): string | undefined {
  if (typeof value === "string") return formatString(value, directive);
  if (typeof value === "boolean") {
    return directive.verb === "t" || directive.verb === "v"
      ? pad(String(value), directive, false)
      : undefined;
  }
  if (typeof value === "bigint") return formatInteger(value, directive);
  if (typeof value !== "number") return undefined;
  if (Number.isInteger(value)) {
    // a whole float reads as int here, so the float verbs must take it too
    return formatInteger(BigInt(value), directive) ?? formatFloat(value, directive);
  }
  return formatFloat(value, directive);
}

function formatAny(value: GoValue, directive: Directive): string {
  const { verb, flags } = directive;
  if (verb === "T") return pad(typeName(value), directive, false);
  if (value === null || value === undefined) {
    return verb === "v" ? pad("<nil>", directive, false) : badVerb(value, verb);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => formatAny(item, directive)).join(" ")}]`;
  }
  if (value instanceof TemplateStruct) {
    const isNamed = flags.includes("+");
    const fields = Object.entries(value.fields).filter(([, field]) => typeof field !== "function");
    return `{${fields
      .map(([name, field]) => (isNamed ? `${name}:` : "") + formatAny(field, directive))
      .join(" ")}}`;
  }
  if (isMap(value)) {
    const items = mapEntries(value).map(
      ([key, item]) => `${formatAny(key, directive)}:${formatAny(item, directive)}`,
    );
    return `map[${items.join(" ")}]`;
  }
  return formatScalar(value, directive) ?? badVerb(value, verb);
}

/** Go's `fmt.Sprintf`, its marks for wrong operands included. */
export function sprintf(format: string, operands: readonly GoValue[]): string {
  let out = "";
  let used = 0;
  const pattern = /%([-+# 0]*)(\*|[0-9]+)?(?:\.(\*|[0-9]*))?([\s\S]?)/gu;
  let last = 0;
  const number = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    const value = text === "*" ? operands[used++] : Number(text);
    return typeof value === "number" && Math.abs(value) <= MAX_WIDTH ? value : undefined;
  };
  for (const match of format.matchAll(pattern)) {
    out += format.slice(last, match.index);
    last = match.index + match[0].length;
    const [, flags = "", widthText, precisionText, verb = ""] = match;
    const width = number(widthText);
    const precision = number(precisionText);
    const isLeft = width !== undefined && width < 0;
    const directive: Directive = {
      flags: isLeft ? `${flags}-` : flags,
      width: width === undefined ? undefined : Math.abs(width),
      precision,
      verb,
    };
    if (verb === "%") out += "%";
    else if (verb === "") out += "%!(NOVERB)";
    else if (used >= operands.length) out += `%!${verb}(MISSING)`;
    else out += formatAny(operands[used++], directive);
  }
  out += format.slice(last);
  if (used >= operands.length) return out;
  const extra = operands
    .slice(used)
    .map((value) => (value === null ? "<nil>" : `${typeName(value)}=${formatValue(value)}`));
  return `${out}%!(EXTRA ${extra.join(", ")})`;
}

/** Go's `fmt.Sprint`: a blank between operands where neither is a string. */
export function sprint(operands: readonly GoValue[]): string {
  return operands
    .map((value, index) => {
      const isApart =
        index > 0 && typeof value !== "string" && typeof operands[index - 1] !== "string";
      return (isApart ? " " : "") + formatValue(value);
    })
    .join("");
}

/** Go's `fmt.Sprintln`. */
export function sprintln(operands: readonly GoValue[]): string {
  return `${operands.map(formatValue).join(" ")}\n`;
}
