import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import { DAEMON_OPTIONS, type DaemonOption } from "./options.ts";
import { type OptionValue, valueFromText } from "./option-values.ts";

/** Values that were set, by option. */
export type OptionValues = ReadonlyMap<DaemonOption, OptionValue>;

const FLAGS: ReadonlyMap<string, DaemonOption> = new Map(
  DAEMON_OPTIONS.flatMap((option): [string, DaemonOption][] => [
    ...(option.flag === undefined ? [] : [[`--${option.flag}`, option] as [string, DaemonOption]]),
    ...(option.shorthand === undefined
      ? []
      : [[`-${option.shorthand}`, option] as [string, DaemonOption]]),
  ]),
);

function unknownFlag(name: string): InvalidArgumentError {
  const nearest = nearestWord(name, [...FLAGS.keys()]);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return new InvalidArgumentError(`unknown flag: ${name}${hint} (see wharf daemon --help)`);
}

/** `-Dl debug` is `-D -l debug`; `-lwarn` is `-l warn`. */
function splitShorthands(word: string): readonly string[] {
  const first = FLAGS.get(word.slice(0, 2));
  if (!first || word.length === 2) return [word];
  const rest = word.slice(2);
  if (first.kind === "boolean" && !rest.startsWith("=")) {
    return [word.slice(0, 2), ...splitShorthands(`-${rest}`)];
  }
  return [`${word.slice(0, 2)}=${rest.replace(/^=/, "")}`];
}

/**
 * @param words What follows `wharf daemon`.
 * @throws {InvalidArgumentError} Unknown flag (naming the nearest), missing or malformed value.
 */
export function parseDaemonFlags(words: readonly string[]): OptionValues {
  const values = new Map<DaemonOption, OptionValue>();
  const queue = words.flatMap((word) =>
    word.startsWith("-") && !word.startsWith("--") ? splitShorthands(word) : [word],
  );
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (!word.startsWith("-") || word === "-") {
      throw new InvalidArgumentError(
        `"wharf daemon" accepts no arguments, got ${JSON.stringify(word)}`,
      );
    }
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const option = FLAGS.get(name);
    if (!option) throw unknownFlag(name);
    let text = equals < 0 ? undefined : word.slice(equals + 1);
    if (text === undefined) text = option.kind === "boolean" ? "true" : queue.shift();
    if (text === undefined) throw new InvalidArgumentError(`flag needs an argument: ${name}`);
    try {
      values.set(option, valueFromText(option, text, values.get(option)));
    } catch (cause) {
      throw new InvalidArgumentError(
        `invalid argument ${JSON.stringify(text)} for "${name}" flag: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
  return values;
}
