/**
 * The patterns of `${name#pattern}`, `%` and `/`: `*` and `?` stand for any characters, also slashes; `\`
 * takes the meaning away. Matched in steps of pattern times text, so that no pattern takes for ever.
 */
type Part =
  | { readonly kind: "any" }
  | { readonly kind: "one" }
  | { readonly kind: "text"; readonly text: string };

function parsePattern(pattern: string): readonly Part[] {
  const parts: Part[] = [];
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*") parts.push({ kind: "any" });
    else if (character === "?") parts.push({ kind: "one" });
    else if (character === "\\") parts.push({ kind: "text", text: characters[++at] ?? "\\" });
    else parts.push({ kind: "text", text: character });
  }
  return parts;
}

/** For each length, whether the first so many characters of `text` match the whole pattern. */
function matchingLengths(parts: readonly Part[], text: readonly string[]): readonly boolean[] {
  let before: boolean[] = Array.from({ length: text.length + 1 }, (_, length) => length === 0);
  for (const part of parts) {
    const after: boolean[] = [];
    for (let length = 0; length <= text.length; length++) {
      const character = text[length - 1];
      if (part.kind === "any")
        after.push((before[length] ?? false) || (after[length - 1] ?? false));
      else {
        const fits = length > 0 && (part.kind === "one" || part.text === character);
        after.push(fits && (before[length - 1] ?? false));
      }
    }
    before = after;
  }
  return before;
}

function prefixLength(
  parts: readonly Part[],
  text: readonly string[],
  isLongest: boolean,
): number | undefined {
  const fits = matchingLengths(parts, text);
  const length = isLongest ? fits.lastIndexOf(true) : fits.indexOf(true);
  return length < 0 ? undefined : length;
}

/** Without the shortest, or longest, beginning that matches. */
export function trimPrefix(value: string, pattern: string, isLongest: boolean): string {
  const text = Array.from(value);
  return text.slice(prefixLength(parsePattern(pattern), text, isLongest) ?? 0).join("");
}

/** Without the shortest, or longest, end that matches. */
export function trimSuffix(value: string, pattern: string, isLongest: boolean): string {
  const text = Array.from(value).toReversed();
  const length = prefixLength(parsePattern(pattern).toReversed(), text, isLongest) ?? 0;
  return text.slice(length).toReversed().join("");
}

/** Steps that one replacement may take: a whole line of it takes a moment. */
const MOST_STEPS = 50_000_000;

/**
 * With the first match, or all, put in place by another text; each as long as can be.
 *
 * @throws {RangeError} It would take too long.
 */
export function replacePattern(
  value: string,
  change: { readonly pattern: string; readonly replacement: string; readonly isAll: boolean },
): string {
  const parts = parsePattern(change.pattern);
  const text = Array.from(value);
  if (parts.length * text.length ** 2 > MOST_STEPS) {
    throw new RangeError(`a value of ${text.length} characters is too long for that pattern`);
  }
  let result = "";
  let at = 0;
  while (at < text.length) {
    const length = prefixLength(parts, text.slice(at), true);
    if (length === undefined || length === 0) {
      result += text[at++] ?? "";
      continue;
    }
    result += change.replacement;
    at += length;
    if (!change.isAll) break;
  }
  return result + text.slice(at).join("");
}
