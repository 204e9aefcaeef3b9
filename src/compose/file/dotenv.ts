import { InvalidArgumentError } from "#base/errors.ts";
import { interpolate } from "./interpolate.ts";

export interface DotenvOptions {
  /** For messages. */
  readonly file: string;
  /** Values from outside: for `${NAME}` in values, and for names that stand alone. */
  readonly lookUp: (name: string) => string | undefined;
  /** As it stands, nothing is expanded and quotes are part of the value. */
  readonly isRaw?: boolean;
}

const LINE = /^(?:export\s+)?([A-Za-z_0-9.-]+)\s*(?:([=:])(.*))?$/s;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  f: "\f",
  b: "\b",
  a: "\u0007",
};

/** What is no UTF-8 becomes a mark of it, as in what docker compose sends. */
export function textOfFile(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/**
 * An env file: `NAME=value` lines, `#` comments, `export`, quoted values over several lines. Single quotes
 * keep everything, double quotes know escapes and variables, plain values variables and ` # comments`.
 * A name alone takes the value from outside, and is undefined where there is none.
 *
 * @throws {InvalidArgumentError} A line is none of these, naming file and line.
 */
export function parseDotenv(
  text: string,
  options: DotenvOptions,
): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  const lookUp = (name: string): string | undefined => options.lookUp(name) ?? found.get(name);
  const expand = (value: string): string =>
    options.isRaw ? value : interpolate(value, { lookUp, onUnset: () => {} });
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const fail = (what: string): never => {
      throw new InvalidArgumentError(`${options.file}:${index + 1}: ${what}`);
    };
    const [, name = fail(`want NAME=value, got ${JSON.stringify(line)}`), separator, after = ""] =
      LINE.exec(line) ?? [];
    if (separator === undefined) {
      found.set(name, options.lookUp(name));
      continue;
    }
    let value = after.trimStart();
    const quote = value[0];
    if (options.isRaw || (quote !== '"' && quote !== "'")) {
      found.set(name, expand(options.isRaw ? after : plainValue(value)));
      continue;
    }
    let end = closingQuote(value, quote);
    const first = index;
    while (end === -1) {
      index++;
      const next = lines[index];
      if (next === undefined) {
        throw new InvalidArgumentError(
          `${options.file}:${first + 1}: the quote of ${name} is never closed`,
        );
      }
      value += `\n${next}`;
      end = closingQuote(value, quote);
    }
    const inside = value.slice(1, end);
    found.set(name, quote === "'" ? inside : expand(unescape(inside)));
  }
  return found;
}

function plainValue(value: string): string {
  const comment = /(?:^|\s)#/.exec(value);
  return (comment ? value.slice(0, comment.index) : value).trim();
}

function closingQuote(value: string, quote: string): number {
  for (let index = 1; index < value.length; index++) {
    if (quote === '"' && value[index] === "\\") index++;
    else if (value[index] === quote) return index;
  }
  return -1;
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gs, (whole, character: string) => {
    if (character === "$") return "$$";
    return ESCAPES[character] ?? (/["\\]/.test(character) ? character : whole);
  });
}
