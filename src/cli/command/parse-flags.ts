import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Flag, type FlagTable, cutAt } from "./flags.ts";

/** What the arguments of one command mean. */
export interface ParsedFlags {
  /** A value for every flag of the table: the last given, or its initial one. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly wantsHelp: boolean;
  /** Lines for stderr about deprecated spellings. */
  readonly notices: readonly string[];
}

/**
 * Parses arguments with pflag's grammar, which docker has: `--flag=v`, `--flag v`, `-f v`, `-fv`,
 * `-f=v`, bundled switches `-abc`, `--` ending the flags, `-` being an argument. Switches take a
 * value only after `=`. `--help` is known everywhere; `-h` where the table has no such shorthand.
 *
 * @param interspersed False: the first argument that is no flag ends the flags.
 * @throws {InvalidArgumentError} With pflag's words (`unknown flag: --foo`).
 */
export function parseFlags(
  table: FlagTable,
  words: readonly string[],
  interspersed: boolean,
): ParsedFlags {
  const parse = new FlagParse(table);
  const args: string[] = [];
  const queue = [...words];
  for (;;) {
    const word = queue.shift();
    if (word === undefined) break;
    if (word === "--") {
      args.push(...queue);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      if (interspersed) continue;
      args.push(...queue);
      break;
    }
    if (word.startsWith("--")) parse.long(word, queue);
    else parse.bundle(word.slice(1), queue);
  }
  return { ...parse.result(), args };
}

class FlagParse {
  readonly #table: FlagTable;
  readonly #values = new Map<string, unknown>();
  readonly #notices: string[] = [];
  #wantsHelp = false;

  constructor(table: FlagTable) {
    this.#table = table;
  }

  result(): Omit<ParsedFlags, "args"> {
    const values: Record<string, unknown> = {};
    for (const [name, flag] of Object.entries(this.#table)) {
      values[name] = this.#values.has(name) ? this.#values.get(name) : flag.initial;
    }
    const given = new Set(this.#values.keys());
    return { values, given, wantsHelp: this.#wantsHelp, notices: this.#notices };
  }

  /** One word that begins with `--`; its value may be the queue's next word. */
  long(word: string, queue: string[]): void {
    const [typed, value] = cutAt(word.slice(2), "=");
    if (typed === "" || typed.startsWith("-")) {
      throw new InvalidArgumentError(`bad flag syntax: ${word}`);
    }
    const name = this.#nameOf(typed);
    const flag = this.#find(name);
    if (!flag) {
      if (name !== "help") throw new UnknownFlagError(`unknown flag: --${name}`, name);
      this.#wantsHelp = value === undefined || value !== "false";
      return;
    }
    if (value !== undefined) return this.#set(name, flag, value);
    if (flag.isSwitch) return this.#set(name, flag, "true");
    const next = queue.shift();
    if (next === undefined) throw new InvalidArgumentError(`flag needs an argument: --${name}`);
    this.#set(name, flag, next);
  }

  /** Letters after one dash: switches, then at most one flag with the rest as its value. */
  bundle(letters: string, queue: string[]): void {
    for (let rest = letters; rest !== ""; ) {
      const letter = rest.slice(0, 1);
      const after = rest.slice(1);
      const found = Object.entries(this.#table).find(([, flag]) => flag.short === letter);
      if (!found) {
        if (letter !== "h") {
          throw new InvalidArgumentError(`unknown shorthand flag: '${letter}' in -${rest}`);
        }
        this.#notices.push("Flag shorthand -h has been deprecated, use --help");
        this.#wantsHelp = true;
        rest = after;
        continue;
      }
      const [name, flag] = found;
      if (after.startsWith("=")) return this.#set(name, flag, after.slice(1));
      if (flag.isSwitch) {
        this.#set(name, flag, "true");
        rest = after;
        continue;
      }
      if (after !== "") return this.#set(name, flag, after);
      const next = queue.shift();
      if (next === undefined) {
        throw new InvalidArgumentError(`flag needs an argument: '${letter}' in -${rest}`);
      }
      return this.#set(name, flag, next);
    }
  }

  #nameOf(typed: string): string {
    const found = Object.entries(this.#table).find(([, flag]) => flag.spellings?.includes(typed));
    return found?.[0] ?? typed;
  }

  #find(name: string): Flag<unknown> | undefined {
    return Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
  }

  #set(name: string, flag: Flag<unknown>, text: string): void {
    const before = this.#values.has(name) ? this.#values.get(name) : flag.initial;
    try {
      this.#values.set(name, flag.parse(text, before));
    } catch (error) {
      const spelling = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
      throw new InvalidArgumentError(
        `invalid argument ${JSON.stringify(text)} for "${spelling}" flag: ${messageOf(error)}`,
        { cause: error },
      );
    }
    if (flag.deprecated !== undefined) {
      this.#notices.push(`Flag --${name} has been deprecated, ${flag.deprecated}`);
    }
  }
}

/** A long flag that the table lacks; whoever prints it may name the nearest one. */
export class UnknownFlagError extends InvalidArgumentError {
  readonly flagName: string;

  constructor(message: string, flagName: string) {
    super(message);
    this.flagName = flagName;
  }
}
