import { DockerfileError, type SourceRange } from "./dockerfile-error.ts";
import type { Keyword } from "./keywords.ts";
import { ARGUMENT_FORMS } from "./keywords.ts";
import type { NodeArgument } from "./node.ts";
import { BLANKS, splitQuotedWords } from "./words.ts";

export interface ParsedArguments {
  readonly args: readonly NodeArgument[];
  readonly isJson: boolean;
  readonly isLegacyPair: boolean;
}

/**
 * Reads what stands behind an instruction and its flags.
 *
 * @throws {DockerfileError} With BuildKit's words.
 */
export function parseArguments(
  keyword: Keyword,
  rest: string,
  context: { readonly escape: string; readonly range: SourceRange },
): ParsedArguments {
  const { escape, range } = context;
  switch (ARGUMENT_FORMS[keyword]) {
    case "text":
      return plain(rest === "" ? [] : [rest]);
    case "words":
      return plain(wordsOf(rest));
    case "json-or-text":
      return jsonOr(rest, range, () => (rest === "" ? [] : [rest]));
    case "json-or-words":
      return jsonOr(rest, range, () => wordsOf(rest));
    case "names":
      return { ...plain([]), args: splitQuotedWords(rest, escape).map(toPair) };
    case "pairs":
      return parsePairs(keyword, rest, context);
    case "health":
      return parseHealth(rest, range);
    case "instruction":
      return plain([]);
  }
}

function plain(words: readonly string[]): ParsedArguments {
  return { args: words.map((text) => ({ text })), isJson: false, isLegacyPair: false };
}

function wordsOf(rest: string): readonly string[] {
  return rest.split(BLANKS).filter((word) => word !== "");
}

/** @throws {DockerfileError} A JSON array of anything but strings. */
function jsonOr(
  rest: string,
  range: SourceRange,
  otherwise: () => readonly string[],
): ParsedArguments {
  const words = tryJsonArray(rest, range);
  return words ? { ...plain(words), isJson: true } : plain(otherwise());
}

function tryJsonArray(text: string, range: SourceRange): readonly string[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // a shell command that begins with a bracket
  }
  if (!Array.isArray(parsed)) return undefined;
  return parsed.map((word: unknown) => {
    if (typeof word === "string") return word;
    throw new DockerfileError(
      "when using JSON array syntax, arrays must be comprised of strings only",
      range,
    );
  });
}

function toPair(word: string): NodeArgument {
  const equals = word.indexOf("=");
  return equals < 0
    ? { text: word }
    : { text: word.slice(0, equals), value: word.slice(equals + 1) };
}

function parsePairs(
  keyword: Keyword,
  rest: string,
  { escape, range }: { readonly escape: string; readonly range: SourceRange },
): ParsedArguments {
  const words = splitQuotedWords(rest, escape);
  const [first] = words;
  if (first === undefined) return plain([]);
  if (!first.includes("=")) {
    const blank = BLANKS.exec(rest);
    if (!blank) throw new DockerfileError(`${keyword} must have two arguments`, range);
    const text = rest.slice(0, blank.index);
    const value = rest.slice(blank.index + blank[0].length);
    return { args: [{ text, value }], isJson: false, isLegacyPair: true };
  }
  const args = words.map((word) => {
    if (word.includes("=")) return toPair(word);
    const reason = `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`;
    throw new DockerfileError(reason, range);
  });
  return { args, isJson: false, isLegacyPair: false };
}

function parseHealth(rest: string, range: SourceRange): ParsedArguments {
  const [, type = "", command = ""] = /^(\S*)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (type === "") return plain([]);
  const parsed = jsonOr(command, range, () => (command === "" ? [] : [command]));
  return { ...parsed, args: [{ text: type }, ...parsed.args] };
}
