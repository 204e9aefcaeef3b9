import { UnreadableRequestError } from "./refusal.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters, a lone CR or LF among them; a tab is none. */
const UNFIT = /[^\t\x20-\x7e\x80-\xff]/;

/** Header fields of one message, in their order. Names are compared without regard to case. */
export class HeaderFields {
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  /**
   * @param lines One field each, in latin1, without line ends; from index `from` on.
   * @throws {UnreadableRequestError} A name that is none, a blank before the colon, a continued line, a control character.
   */
  static parse(lines: readonly string[], from: number): HeaderFields {
    const fields = new HeaderFields();
    for (let at = from; at < lines.length; at++) {
      const line = lines[at] ?? "";
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(colon, 0));
      if (!TOKEN.test(name)) {
        throw new UnreadableRequestError("invalid header name", { isTold: colon > 0 });
      }
      if (UNFIT.test(line)) throw new UnreadableRequestError("invalid header value");
      fields.#names.push(name.toLowerCase());
      fields.#values.push(line.slice(colon + 1).trim());
    }
    return fields;
  }

  /** @param name In lower case. @returns Several values joined by a comma; undefined where there is none. */
  get(name: string): string | undefined {
    const first = this.#names.indexOf(name);
    if (first < 0) return undefined;
    if (this.#names.indexOf(name, first + 1) < 0) return this.#values[first];
    return this.all(name).join(", ");
  }

  /** @param name In lower case. */
  all(name: string): readonly string[] {
    return this.#values.filter((_, at) => this.#names[at] === name);
  }

  /** How often it is there. @param name In lower case. */
  count(name: string): number {
    let count = 0;
    for (const each of this.#names) if (each === name) count += 1;
    return count;
  }

  /** Whether a list such as that of `Connection` has `word`, both in lower case. */
  lists(name: string, word: string): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    const lower = value.toLowerCase();
    if (lower === word) return true;
    return lower.includes(word) && lower.split(",").some((part) => part.trim() === word);
  }

  /** Names are in lower case. */
  pairs(): readonly (readonly [string, string])[] {
    return this.#names.map((name, at) => [name, this.#values[at] ?? ""] as const);
  }
}
