import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { LogOptions } from "#logs/logs.ts";

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** @throws {InvalidArgumentError} In the words of Go's strconv. */
export function parseGoBoolean(text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new InvalidArgumentError(
    `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** @param parser Named in the message: `Atoi`, `ParseUint`. */
export function parseGoInteger(text: string, parser: "Atoi" | "ParseUint"): number {
  const pattern = parser === "Atoi" ? /^[+-]?\d{1,18}$/ : /^\d{1,18}$/;
  if (pattern.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

export function booleanOption(options: LogOptions, name: string, fallback: boolean): boolean {
  const text = options[name];
  return text === undefined || text === "" ? fallback : parseGoBoolean(text);
}

/** Runs `work` and puts `prefix` before the message of an argument that it refuses. */
export function withPrefix<Value>(prefix: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`${prefix}${messageOf(error)}`, { cause: error });
  }
}
