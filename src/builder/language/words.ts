/** Blanks between a Dockerfile's words, as BuildKit splits them. */
export const BLANKS: RegExp = /[\t\v\f\r ]+/;

/**
 * Splits at blanks outside quotes; quotes and escape characters stay, for `expandWord` to take away.
 *
 * @see BuildKit's `parseWords`, for ENV, LABEL and ARG.
 */
export function splitQuotedWords(text: string, escape: string): readonly string[] {
  const words: string[] = [];
  const characters = Array.from(text);
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    const isSpace = /\s/u.test(character);
    if (quote === "" && isSpace) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    if (character === escape && quote !== "'") {
      const next = characters[at + 1];
      if (next === undefined) break;
      word = (word ?? "") + character + next;
      at++;
      continue;
    }
    if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    word = (word ?? "") + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** A flag in front of an instruction's arguments, quotes taken away. */
export interface FlagWord {
  /** `--chown=1:2` */
  readonly text: string;
  /** Where it begins in the text that was given. */
  readonly offset: number;
}

/** Takes the flags off the front of an instruction's arguments; `--` alone ends them. */
export function splitFlags(text: string): {
  readonly flags: readonly FlagWord[];
  readonly rest: string;
} {
  const flags: FlagWord[] = [];
  for (let at = 0; ; ) {
    while (at < text.length && /\s/u.test(text[at] ?? "")) at++;
    if (!text.startsWith("--", at)) return { flags, rest: text.slice(at) };
    const { word, end } = readFlag(text, at);
    if (word === "--") return { flags, rest: text.slice(end) };
    flags.push({ text: word, offset: at });
    at = end;
  }
}

function readFlag(text: string, from: number): { readonly word: string; readonly end: number } {
  let word = "";
  let quote = "";
  let at = from;
  for (; at < text.length; at++) {
    const character = text[at] ?? "";
    if (quote === "" && /\s/u.test(character)) break;
    if (character === "\\") {
      if (at + 1 < text.length) word += text[++at];
    } else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    else word += character;
  }
  return { word, end: at };
}
