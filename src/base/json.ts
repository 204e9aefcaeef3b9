import { InvalidArgumentError } from "./errors.ts";

export interface JsonLimits {
  /** Nesting of arrays and objects; Go's own limit is 10,000, real bodies stay under 20. */
  readonly maxDepth?: number;
  /** Length of the text in UTF-16 units. */
  readonly maxLength?: number;
}

const DEFAULT_MAX_DEPTH = 128;
const DEFAULT_MAX_LENGTH = 16 * 1024 * 1024;

function isWithinDepth(text: string, maxDepth: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth) return false;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return true;
}

function quoteCharacter(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}

/** Finds the first syntax error the way Go words it; runs only after `JSON.parse` refused. */
class SyntaxFinder {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  find(): string {
    const problem = this.#value();
    if (problem !== undefined) return problem;
    this.#space();
    if (this.#at < this.#text.length) return this.#invalid("after top-level value");
    return "unexpected end of JSON input";
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #invalid(where: string): string {
    const point = this.#text.codePointAt(this.#at);
    if (point === undefined) return "unexpected end of JSON input";
    return `invalid character ${quoteCharacter(String.fromCodePoint(point))} ${where}`;
  }

  #value(): string | undefined {
    this.#space();
    const character = this.#text[this.#at];
    if (character === "{") return this.#members();
    if (character === "[") return this.#elements();
    if (character === '"') return this.#string();
    if (character === "t") return this.#literal("true");
    if (character === "f") return this.#literal("false");
    if (character === "n") return this.#literal("null");
    if (character !== undefined && /[-0-9]/.test(character)) return this.#number();
    return this.#invalid("looking for beginning of value");
  }

  #literal(word: string): string | undefined {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) {
        return this.#invalid(`in literal ${word} (expecting '${expected}')`);
      }
      this.#at++;
    }
    return undefined;
  }

  #digits(where: string): string | undefined {
    if (!/[0-9]/.test(this.#text[this.#at] ?? "")) return this.#invalid(where);
    while (/[0-9]/.test(this.#text[this.#at] ?? "")) this.#at++;
    return undefined;
  }

  #number(): string | undefined {
    if (this.#text[this.#at] === "-") this.#at++;
    if (this.#text[this.#at] === "0") this.#at++;
    else {
      const problem = this.#digits("in numeric literal");
      if (problem !== undefined) return problem;
    }
    if (this.#text[this.#at] === ".") {
      this.#at++;
      const problem = this.#digits("after decimal point in numeric literal");
      if (problem !== undefined) return problem;
    }
    if (/[eE]/.test(this.#text[this.#at] ?? "")) {
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? "")) this.#at++;
      return this.#digits("in exponent of numeric literal");
    }
    return undefined;
  }

  #string(): string | undefined {
    this.#at++;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) return "unexpected end of JSON input";
      if (character === '"') {
        this.#at++;
        return undefined;
      }
      if (character < " ") return this.#invalid("in string literal");
      this.#at++;
      if (character !== "\\") continue;
      const escape = this.#text[this.#at] ?? "";
      if (!/["\\/bfnrtu]/.test(escape)) return this.#invalid("in string escape code");
      this.#at++;
      for (let digit = 0; escape === "u" && digit < 4; digit++, this.#at++) {
        if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? "")) {
          return this.#invalid("in \\u hexadecimal character escape");
        }
      }
    }
  }

  #members(): string | undefined {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === "}") {
      this.#at++;
      return undefined;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') {
        return this.#invalid("looking for beginning of object key string");
      }
      const keyProblem = this.#string();
      if (keyProblem !== undefined) return keyProblem;
      this.#space();
      if (this.#text[this.#at] !== ":") return this.#invalid("after object key");
      this.#at++;
      const problem = this.#value();
      if (problem !== undefined) return problem;
      this.#space();
      const next = this.#text[this.#at];
      if (next !== "," && next !== "}") return this.#invalid("after object key:value pair");
      this.#at++;
      if (next === "}") return undefined;
    }
  }

  #elements(): string | undefined {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === "]") {
      this.#at++;
      return undefined;
    }
    for (;;) {
      const problem = this.#value();
      if (problem !== undefined) return problem;
      this.#space();
      const next = this.#text[this.#at];
      if (next !== "," && next !== "]") return this.#invalid("after array element");
      this.#at++;
      if (next === "]") return undefined;
    }
  }
}

/**
 * Parses JSON from outside. Depth and length are checked before any value is built.
 *
 * @throws {InvalidArgumentError} With the words of Go's decoder for a syntax error.
 */
export function parseJson(text: string, limits: JsonLimits = {}): unknown {
  const maxLength = limits.maxLength ?? DEFAULT_MAX_LENGTH;
  if (text.length > maxLength) {
    throw new InvalidArgumentError(
      `JSON of ${text.length} characters is over the limit of ${maxLength}`,
    );
  }
  if (!isWithinDepth(text, limits.maxDepth ?? DEFAULT_MAX_DEPTH)) {
    throw new InvalidArgumentError("exceeded max depth");
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError(new SyntaxFinder(text).find(), { cause });
  }
}

/**
 * Writes JSON as Go's encoder does with HTML escaping off: U+2028 and U+2029 escaped, and, when
 * asked, the keys of plain objects in byte order as Go orders maps.
 *
 * @param indent Number of blanks or the text to indent by; empty for one line.
 */
export function stringifyJson(
  value: unknown,
  options: { readonly indent?: string | number; readonly sortKeys?: boolean } = {},
): string {
  const text = JSON.stringify(options.sortKeys ? sorted(value) : value, undefined, options.indent);
  return text === undefined
    ? "null"
    : text.replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** As `stringifyJson`, with `<`, `>` and `&` escaped: Go's default, seen in Docker's answers. */
export function stringifyJsonHtml(value: unknown, indent: string | number = ""): string {
  return stringifyJson(value, { indent })
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("&", "\\u0026");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object" || "toJSON" in value) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
