import { InvalidArgumentError } from "./errors.ts";

/** Go's `path.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a]` are classes, `\` escapes. */

interface ClassRange {
  readonly first: string;
  readonly last: string;
}

type Token =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "literal"; readonly character: string }
  | { readonly kind: "class"; readonly isNegated: boolean; readonly ranges: readonly ClassRange[] };

function syntaxError(): InvalidArgumentError {
  return new InvalidArgumentError("syntax error in pattern");
}

function tokenize(pattern: string): readonly Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  let at = 0;
  const literal = (): string => {
    let character = characters[at++];
    if (character === "\\") character = characters[at++];
    if (character === undefined) throw syntaxError();
    return character;
  };
  const bound = (): string => {
    const next = characters[at];
    if (next === "-" || next === "]") throw syntaxError();
    return literal();
  };
  while (at < characters.length) {
    const character = characters[at];
    if (character === "*") {
      at++;
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (character === "?") {
      at++;
      tokens.push({ kind: "any" });
    } else if (character === "[") {
      at++;
      const isNegated = characters[at] === "^";
      if (isNegated) at++;
      const ranges: ClassRange[] = [];
      while (characters[at] !== "]" || ranges.length === 0) {
        const first = bound();
        let last = first;
        if (characters[at] === "-") {
          at++;
          last = bound();
        }
        ranges.push({ first, last });
        if (at >= characters.length) throw syntaxError();
      }
      at++;
      tokens.push({ kind: "class", isNegated, ranges });
    } else tokens.push({ kind: "literal", character: literal() });
  }
  return tokens;
}

function accepts(token: Token, character: string): boolean {
  switch (token.kind) {
    case "literal":
      return token.character === character;
    case "class": {
      const isInside = token.ranges.some(
        ({ first, last }) => first <= character && character <= last,
      );
      return isInside !== token.isNegated && character !== "/";
    }
    case "any":
    case "star":
      return character !== "/";
  }
}

/**
 * Whether the whole of `text` matches.
 *
 * @throws {InvalidArgumentError} `syntax error in pattern`
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const tokens = tokenize(pattern);
  const characters = Array.from(text);
  // the last star and where its match began: going back to the last one alone keeps this linear in
  // the number of stars, where a recursive matcher is exponential
  let starToken = -1;
  let starText = 0;
  let atToken = 0;
  let atText = 0;
  while (atText < characters.length || atToken < tokens.length) {
    const token = tokens[atToken];
    const character = characters[atText];
    if (token?.kind === "star") {
      starToken = atToken++;
      starText = atText;
      continue;
    }
    if (token && character !== undefined && accepts(token, character)) {
      atToken++;
      atText++;
      continue;
    }
    const swallowed = characters[starText];
    if (starToken < 0 || swallowed === undefined || swallowed === "/") return false;
    atText = ++starText;
    atToken = starToken + 1;
  }
  return true;
}
