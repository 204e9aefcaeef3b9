import { InvalidArgumentError } from "#base/errors.ts";

const FALSE_WORDS: ReadonlySet<string> = new Set(["", "0", "no", "false", "none"]);

/** Query string of a request, read with the looseness of Docker's `httputils`. */
export class Query {
  readonly #text: string;
  #parsed: URLSearchParams | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Undefined when missing; an empty value stays "". */
  get(name: string): string | undefined {
    if (this.#text === "") return undefined;
    return this.#values.get(name) ?? undefined;
  }

  text(name: string): string {
    return this.get(name) ?? "";
  }

  all(name: string): readonly string[] {
    return this.#values.getAll(name);
  }

  /** Anything but "", 0, no, false and none is true. */
  boolean(name: string): boolean {
    return !FALSE_WORDS.has(this.text(name).trim().toLowerCase());
  }

  booleanOr(name: string, missing: boolean): boolean {
    return this.has(name) ? this.boolean(name) : missing;
  }

  /** @throws {InvalidArgumentError} In the words of Go's strconv. Missing and empty are undefined. */
  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === "") return undefined;
    const value = Number(text);
    if (!/^[-+]?[0-9]+$/.test(text)) {
      throw new InvalidArgumentError(
        `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
      );
    }
    if (!Number.isSafeInteger(value)) {
      throw new InvalidArgumentError(
        `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`,
      );
    }
    return value;
  }

  get #values(): URLSearchParams {
    this.#parsed ??= new URLSearchParams(this.#text);
    return this.#parsed;
  }
}
