import { InvalidArgumentError } from "#base/errors.ts";

/**
 * A command line as its words: blanks part, quotes and backslashes keep together; nothing is expanded.
 *
 * @throws {InvalidArgumentError} A quote is never closed.
 */
export function splitShellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === "\\" && quote !== "'") {
      index++;
      word = (word ?? "") + (text[index] ?? "");
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== undefined) {
    throw new InvalidArgumentError(`the quote ${quote} in ${JSON.stringify(text)} is never closed`);
  }
  if (word !== undefined) words.push(word);
  return words;
}
