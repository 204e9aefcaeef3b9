import { replacePattern, trimPrefix, trimSuffix } from "./expansion-pattern.ts";

/** Variables that `$NAME` is replaced by. */
export interface Variables {
  get(name: string): string | undefined;
}

export const NO_VARIABLES: Variables = new Map<string, string>();

export interface ExpandOptions {
  readonly variables: Variables;
  /** The file's escape character. */
  readonly escape: "\\" | "`";
  /** Quotes are ordinary characters that stay, as in the body of a heredoc. */
  readonly skipsQuotes?: boolean;
  /** Quotes are minded and stay. */
  readonly keepsQuotes?: boolean;
  /** Escape characters are minded and stay. */
  readonly keepsEscapes?: boolean;
  /** A reference to a variable that there is not stays as it is. */
  readonly keepsUnset?: boolean;
  /** Told of each name that was looked up, and whether it was there. */
  readonly onName?: (name: string, isSet: boolean) => void;
}

/** Why a word cannot be expanded; the caller says which word, and where. */
export class ExpansionError extends Error {}

/**
 * Replaces variables and takes quotes away: what a shell does to one word, without its other expansions.
 *
 * @throws {ExpansionError} With BuildKit's words.
 */
export function expandWord(word: string, options: ExpandOptions): string {
  return new Expander(word, options).run().text;
}

/**
 * As `expandWord`, then splits at blanks that no quote held; one variable may give several words.
 *
 * @throws {ExpansionError} With BuildKit's words.
 */
export function expandToWords(word: string, options: ExpandOptions): readonly string[] {
  return new Expander(word, options).run().words;
}

/** Text and, beside it, the words that it falls into. */
class Collected {
  readonly words: string[] = [];
  text = "";
  #word = "";
  #isInWord = false;

  /** An unquoted character. */
  addCharacter(character: string): void {
    this.text += character;
    this.#split(character);
  }

  /** What a variable gave, unquoted. */
  addValue(value: string): void {
    this.text += value;
    for (const character of value) this.#split(character);
  }

  /** What quotes held or an escape character went before; also nothing at all, which is a word too. */
  addQuoted(value: string): void {
    this.text += value;
    this.#word += value;
    this.#isInWord = true;
  }

  end(): void {
    if (this.#isInWord) this.words.push(this.#word);
    this.#word = "";
    this.#isInWord = false;
  }

  #split(character: string): void {
    if (/\s/u.test(character)) {
      this.end();
      return;
    }
    this.#word += character;
    this.#isInWord = true;
  }
}

const DIGIT = /^\p{Nd}$/u;
const NAME_CHARACTER = /^[\p{L}\p{Nd}_]$/u;
const SPECIAL = "@*#?-$!0";

class Expander {
  readonly #characters: readonly string[];
  readonly #options: ExpandOptions;
  #at = 0;

  constructor(word: string, options: ExpandOptions) {
    this.#characters = Array.from(word);
    this.#options = options;
  }

  run(): Collected {
    const collected = this.#until("", false);
    collected.end();
    return collected;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  /** Reads up to `stop`, which is passed over; to the end where that is empty. */
  #until(stop: string, keepsEscapes: boolean): Collected {
    const collected = new Collected();
    const isRaw = keepsEscapes || this.#options.keepsEscapes === true;
    for (let character = this.#peek(); character !== undefined; character = this.#peek()) {
      if (character === stop) {
        this.#at++;
        return collected;
      }
      if (!this.#special(character, collected)) this.#ordinary(isRaw, collected);
    }
    if (stop === "") return collected;
    throw new ExpansionError(`unexpected end of statement while looking for matching ${stop}`);
  }

  /** @returns False for a character that means nothing special. */
  #special(character: string, collected: Collected): boolean {
    const { skipsQuotes, keepsQuotes } = this.#options;
    if (character === "$") {
      collected.addValue(this.#dollar());
      return true;
    }
    if (skipsQuotes || (character !== "'" && character !== '"')) return false;
    this.#at++;
    const inside = character === "'" ? this.#singleQuoted() : this.#doubleQuoted();
    collected.addQuoted(keepsQuotes ? character + inside + character : inside);
    return true;
  }

  #ordinary(isRaw: boolean, collected: Collected): void {
    const character = this.#characters[this.#at++] ?? "";
    if (character !== this.#options.escape) {
      collected.addCharacter(character);
      return;
    }
    const next = this.#characters[this.#at];
    if (isRaw) collected.addQuoted(character);
    if (next === undefined) return;
    this.#at++;
    collected.addQuoted(next);
  }

  #singleQuoted(): string {
    const end = this.#characters.indexOf("'", this.#at);
    if (end < 0) {
      throw new ExpansionError(
        "unexpected end of statement while looking for matching single-quote",
      );
    }
    const text = this.#characters.slice(this.#at, end).join("");
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    const { escape, keepsEscapes } = this.#options;
    let text = "";
    for (;;) {
      const character = this.#peek();
      if (character === undefined) {
        throw new ExpansionError(
          "unexpected end of statement while looking for matching double-quote",
        );
      }
      if (character === '"') {
        this.#at++;
        return text;
      }
      if (character === "$") {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (character !== escape) {
        text += character;
        continue;
      }
      const next = this.#peek();
      const isEscaped = next === '"' || next === "$" || next === escape;
      if (keepsEscapes || (next !== undefined && !isEscaped)) text += escape;
      if (!isEscaped) continue;
      text += next;
      this.#at++;
    }
  }

  /** From the `$` on. */
  #dollar(): string {
    this.#at++;
    if (this.#peek() === "{") {
      this.#at++;
      return this.#braced();
    }
    const name = this.#name();
    if (name === "") return "$";
    return this.#look(name) ?? (this.#options.keepsUnset ? `$${name}` : "");
  }

  /** From behind `${` on. */
  #braced(): string {
    if (this.#peek() === undefined) throw new ExpansionError("syntax error: missing '}'");
    const start = this.#at - 2;
    const name = this.#name();
    const operator = this.#characters[this.#at++];
    if (operator === undefined) throw new ExpansionError("syntax error: missing '}'");
    const isKept = this.#options.keepsUnset === true;
    const raw = (): string => this.#characters.slice(start, this.#at).join("");
    if (operator === "}") {
      if (name === "") throw new ExpansionError("bad substitution");
      return this.#look(name) ?? (isKept ? raw() : "");
    }
    if (operator === "/") {
      const replaced = this.#replacement(name);
      return replaced ?? (isKept ? raw() : "");
    }
    let modifier = operator;
    if (operator === ":") modifier += this.#characters[this.#at++] ?? "";
    const kind = modifier.at(-1) ?? "";
    const isPattern = kind === "#" || kind === "%";
    if (!"+-?#%".includes(kind) || kind === "" || (isPattern && modifier.length > 1)) {
      throw new ExpansionError(`unsupported modifier (${modifier}) in substitution`);
    }
    const word = this.#operand("}", isPattern);
    const value = this.#look(name);
    if (isKept && value === undefined) return raw();
    if (isPattern) return trim(value ?? "", word, kind);
    return this.#choose({ name, value, word, modifier });
  }

  #choose(given: {
    readonly name: string;
    readonly value: string | undefined;
    readonly word: string;
    readonly modifier: string;
  }): string {
    const { name, value, word, modifier } = given;
    const isStrict = modifier.startsWith(":");
    const isSet = value !== undefined && !(isStrict && value === "");
    switch (modifier.at(-1)) {
      case "-":
        return isSet ? value : word;
      case "+":
        return isSet ? word : "";
      default: {
        if (isSet) return value;
        const why =
          value === undefined ? "is not allowed to be unset" : "is not allowed to be empty";
        throw new ExpansionError(`${name}: ${word === "" ? why : word}`);
      }
    }
  }

  /** From behind `${name/` on. @returns Undefined where there is no such variable. */
  #replacement(name: string): string | undefined {
    const isAll = this.#peek() === "/";
    if (isAll) this.#at++;
    const pattern = this.#operand("/", true);
    const replacement = this.#operand("}", true);
    const value = this.#look(name);
    return value === undefined ? undefined : replacePattern(value, { pattern, replacement, isAll });
  }

  #operand(stop: string, keepsEscapes: boolean): string {
    try {
      return this.#until(stop, keepsEscapes).text;
    } catch (error) {
      if (!(error instanceof ExpansionError) || this.#peek() !== undefined) throw error;
      throw new ExpansionError(
        stop === "}" ? "syntax error: missing '}'" : "syntax error: missing '/' in ${",
      );
    }
  }

  #look(name: string): string | undefined {
    const value = this.#options.variables.get(name);
    this.#options.onName?.(name, value !== undefined);
    return value;
  }

  /** Letters, digits and underscores; all digits, or one special character, where it begins so. */
  #name(): string {
    const first = this.#peek();
    if (first === undefined) return "";
    const start = this.#at;
    if (DIGIT.test(first)) {
      while (DIGIT.test(this.#peek() ?? "")) this.#at++;
    } else if (SPECIAL.includes(first)) {
      this.#at++;
    } else {
      while (NAME_CHARACTER.test(this.#peek() ?? "")) this.#at++;
    }
    return this.#characters.slice(start, this.#at).join("");
  }
}

function trim(value: string, word: string, kind: string): string {
  const isLongest = word.startsWith(kind);
  const pattern = isLongest ? word.slice(1) : word;
  return kind === "#"
    ? trimPrefix(value, pattern, isLongest)
    : trimSuffix(value, pattern, isLongest);
}
