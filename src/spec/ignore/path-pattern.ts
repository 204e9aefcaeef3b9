import { cleanPath } from "#base/posix-path.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/** A piece of a pattern and what of a path it stands for. */
type Part =
  | { readonly kind: "text"; readonly text: string }
  /** `?`: one character of a name. */
  | { readonly kind: "one" }
  /** `*`: any of a name. */
  | { readonly kind: "any" }
  /** `**` at the end: anything. */
  | { readonly kind: "deep" }
  /** A `**` with a slash behind it: no folder, or any number of them. */
  | { readonly kind: "folders" }
  | {
      readonly kind: "class";
      readonly isNegated: boolean;
      readonly ranges: readonly CharacterRange[];
    };

type CharacterRange = readonly [from: string, to: string];

/**
 * One pattern of a `.dockerignore` or of `--exclude`, by the rules of Go's `filepath.Match` with `**`
 * added. Matched in steps of pattern times path: no pattern takes for ever.
 */
export class PathPattern {
  readonly #parts: readonly Part[];
  /** The path itself, where the pattern is one. */
  readonly #literal: string | undefined;
  /** Without `!`, cleaned. */
  readonly text: string;

  /** @throws {InvalidArgumentError} `syntax error in pattern`. */
  constructor(text: string) {
    this.text = text;
    this.#parts = parseParts(text);
    this.#literal = this.#parts.every((part) => part.kind === "text")
      ? this.#parts.map((part) => part.text).join("")
      : undefined;
  }

  get isLiteral(): boolean {
    return this.#literal !== undefined;
  }

  /** @param path Relative, cleaned. */
  matches(path: string): boolean {
    if (this.#literal !== undefined) return this.#literal === path;
    const characters = Array.from(path);
    let before = characters.map(() => false);
    before.unshift(true);
    for (const part of this.#parts) {
      before = step(part, before, characters);
      if (!before.includes(true)) return false;
    }
    return before.at(-1) === true;
  }

  /** Whether something below the folder may match. */
  mayMatchBelow(folder: string): boolean {
    if (this.#literal !== undefined) return this.#literal.startsWith(`${folder}/`);
    const first = this.#parts[0];
    if (first?.kind !== "text") return true;
    let fixed = "";
    for (const part of this.#parts) {
      if (part.kind !== "text") break;
      fixed += part.text;
    }
    const below = `${folder}/`;
    return below.startsWith(fixed) || fixed.startsWith(below);
  }
}

/** For each length, whether so much of the path is matched once the part is. */
function step(part: Part, before: readonly boolean[], path: readonly string[]): boolean[] {
  const after: boolean[] = [];
  let wasReached = false;
  for (let length = 0; length <= path.length; length++) {
    const character = path[length - 1];
    const came = before[length - 1] ?? false;
    switch (part.kind) {
      case "text":
        after.push(length > 0 && came && part.text === character);
        break;
      case "one":
        after.push(length > 0 && came && character !== "/");
        break;
      case "class":
        after.push(length > 0 && came && character !== "/" && isInClass(part, character ?? ""));
        break;
      case "any":
        after.push(
          (before[length] ?? false) || ((after[length - 1] ?? false) && character !== "/"),
        );
        break;
      case "deep":
        after.push((before[length] ?? false) || (after[length - 1] ?? false));
        break;
      case "folders":
        wasReached ||= came;
        after.push((before[length] ?? false) || (wasReached && character === "/"));
        break;
    }
  }
  return after;
}

function isInClass(part: Extract<Part, { kind: "class" }>, character: string): boolean {
  const isIn = part.ranges.some(([from, to]) => character >= from && character <= to);
  return isIn !== part.isNegated;
}

function parseParts(text: string): readonly Part[] {
  const characters = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*" && characters[at + 1] === "*") {
      while (characters[at + 1] === "*") at++;
      const hasSlash = characters[at + 1] === "/";
      if (hasSlash) at++;
      parts.push({ kind: at + 1 >= characters.length ? "deep" : "folders" });
    } else if (character === "*") parts.push({ kind: "any" });
    else if (character === "?") parts.push({ kind: "one" });
    else if (character === "[") {
      const parsed = parseClass(characters, at, text);
      parts.push(parsed.part);
      at = parsed.end;
    } else if (character === "\\") {
      const next = characters[++at];
      if (next === undefined) throw badPattern(text);
      parts.push({ kind: "text", text: next });
    } else parts.push({ kind: "text", text: character });
  }
  return parts;
}

function parseClass(
  characters: readonly string[],
  start: number,
  text: string,
): { readonly part: Part; readonly end: number } {
  let at = start + 1;
  const isNegated = characters[at] === "^";
  if (isNegated) at++;
  const ranges: CharacterRange[] = [];
  const next = (): string => {
    let character = characters[at++];
    if (character === "\\") character = characters[at++];
    else if (character === "-" || character === "]") throw badPattern(text);
    if (character === undefined) throw badPattern(text);
    return character;
  };
  do {
    const from = next();
    let to = from;
    if (characters[at] === "-") {
      at++;
      to = next();
    }
    ranges.push([from, to]);
  } while (characters[at] !== "]");
  return { part: { kind: "class", isNegated, ranges }, end: at };
}

function badPattern(text: string): InvalidArgumentError {
  return new InvalidArgumentError(`syntax error in pattern ${JSON.stringify(text)}`);
}

/** As Go cleans a pattern: blanks around it, `.` and `..`, and the slash in front go. */
export function cleanPattern(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const cleaned = cleanPath(trimmed);
  return cleaned.length > 1 ? cleaned.replace(/^\//, "") : cleaned;
}
