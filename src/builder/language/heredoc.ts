import { expandToWords, ExpansionError, NO_VARIABLES } from "./expand.ts";

/** `3<<-"END"` and the lines up to its end. */
export interface Heredoc {
  /** The word that ends it, and the name of the file that it becomes. */
  readonly name: string;
  readonly fileDescriptor: number;
  /** No part of the word was quoted: variables in the body are replaced. */
  readonly isExpanded: boolean;
  /** `<<-`: leading tabs go. */
  readonly isChomped: boolean;
  /** As it stands in the file, tabs and line ends too. */
  readonly content: string;
}

const START = /^(\d*)<<(-?)\s*([^<]*)$/;
/** Quotes and escapes as a POSIX shell, whatever the file's escape character. */
const SHELL = { variables: NO_VARIABLES, escape: "\\", keepsUnset: true } as const;

function tryWords(text: string, isRaw: boolean): readonly string[] {
  try {
    return expandToWords(text, { ...SHELL, keepsQuotes: isRaw, keepsEscapes: isRaw });
  } catch (error) {
    if (error instanceof ExpansionError) return [];
    throw error;
  }
}

/** A word that begins a heredoc, without its body; undefined for any other word. */
export function tryParseHeredocStart(word: string): Omit<Heredoc, "content"> | undefined {
  const [, descriptor = "", dash, rest = ""] = START.exec(word) ?? [];
  if (dash === undefined || rest === "") return undefined;
  const [name, ...others] = tryWords(rest, false);
  if (name === undefined || others.length > 0) return undefined;
  // with and without quotes: where that makes a difference, some part of the word is quoted
  const [raw] = tryWords(rest, true);
  return {
    name,
    fileDescriptor: descriptor === "" ? 0 : Number(descriptor),
    isExpanded: raw === name,
    isChomped: dash === "-",
  };
}

/** The heredocs that a line begins, in order. */
export function heredocsOfLine(line: string): readonly Omit<Heredoc, "content">[] {
  // a blank behind << belongs to the word
  const joined = line.replaceAll(/(<<-?)[ \t]+(?=[^\s<])/g, "$1");
  return tryWords(joined, true).flatMap((word) => tryParseHeredocStart(word) ?? []);
}

/** The body without the leading tabs that `<<-` takes away. */
export function bodyOf(heredoc: Pick<Heredoc, "content" | "isChomped">): string {
  return heredoc.isChomped ? heredoc.content.replaceAll(/^\t+/gm, "") : heredoc.content;
}
