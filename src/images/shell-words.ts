import { InvalidArgumentError } from "#base/errors.ts";

/** Variables that `$NAME` in an instruction is replaced by. */
export type Variables = ReadonlyMap<string, string>;

/**
 * Quotes and variables of one Dockerfile word, as the reference's "Environment replacement" has them:
 * `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}`, both also without the colon; none in single quotes.
 *
 * @throws {InvalidArgumentError} With the builder's text.
 */
export function expandWord(word: string, variables: Variables): string {
  return new Expander(word, variables).expand();
}

class Expander {
  readonly #word: string;
  readonly #variables: Variables;
  #at = 0;

  constructor(word: string, variables: Variables) {
    this.#word = word;
    this.#variables = variables;
  }

  expand(): string {
    return this.#until("");
  }

  #fail(why: string): never {
    throw new InvalidArgumentError(`failed to process ${JSON.stringify(this.#word)}: ${why}`);
  }

  /** Reads on until `stop`, which is passed over; to the end where it is empty. */
  #until(stop: string): string {
    let text = "";
    for (;;) {
      const character = this.#word[this.#at];
      if (character === undefined) {
        if (stop === "") return text;
        return this.#fail(`unexpected end of statement while looking for matching ${stop}`);
      }
      this.#at++;
      if (character === stop) return text;
      if (character === "'") text += this.#singleQuoted();
      else if (character === '"') text += this.#doubleQuoted();
      else if (character === "$") text += this.#variable();
      else if (character === "\\") text += this.#word[this.#at++] ?? "\\";
      else text += character;
    }
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at);
    if (end < 0) {
      return this.#fail("unexpected end of statement while looking for matching single-quote");
    }
    const text = this.#word.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    let text = "";
    for (;;) {
      const character = this.#word[this.#at++];
      if (character === undefined) {
        return this.#fail("unexpected end of statement while looking for matching double-quote");
      }
      if (character === '"') return text;
      if (character === "$") text += this.#variable();
      else if (character === "\\") {
        const next = this.#word[this.#at++] ?? "";
        text += next === '"' || next === "$" || next === "\\" ? next : `\\${next}`;
      } else text += character;
    }
  }

  #variable(): string {
    const rest = this.#word.slice(this.#at);
    const bare = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#])/.exec(rest);
    if (bare) {
      this.#at += bare[0].length;
      return this.#variables.get(bare[0]) ?? "";
    }
    if (!rest.startsWith("{")) return "$";
    const braced = /^\{([A-Za-z_][A-Za-z0-9_]*)(?:(\})|(:?)([-+?]))/.exec(rest);
    if (!braced) return this.#fail("syntax error: bad substitution");
    this.#at += braced[0].length;
    const value = this.#variables.get(braced[1] ?? "");
    if (braced[2] !== undefined) return value ?? "";
    const word = this.#until("}");
    const isSet = braced[3] === ":" ? value !== undefined && value !== "" : value !== undefined;
    switch (braced[4]) {
      case "+":
        return isSet ? word : "";
      case "?":
        return isSet ? (value ?? "") : this.#fail(`${braced[1]}: ${word || "not set"}`);
      default:
        return isSet ? (value ?? "") : word;
    }
  }
}

/** Splits at blanks outside quotes; quotes and backslashes stay, for `expandWord` to take away. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === "\\" && quote !== "'") {
      word += character + (text[++at] ?? "");
    } else if (quote !== "") {
      word += character;
      if (character === quote) quote = "";
    } else if (/\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      word += character;
      if (character === "'" || character === '"') quote = character;
    }
  }
  if (word !== "") words.push(word);
  return words;
}
