import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { nearestWord } from "#base/nearest.ts";
import { DAEMON_OPTIONS, type DaemonOption, optionName } from "./options.ts";
import { type OptionValue, formatValue, valueFromJson } from "./option-values.ts";
import type { OptionValues } from "./parse-flags.ts";

const KEYS: ReadonlyMap<string, DaemonOption> = new Map(
  DAEMON_OPTIONS.flatMap((option): [string, DaemonOption][] =>
    option.key === undefined ? [] : [[option.key, option]],
  ),
);

function describeUnknown(key: string): string {
  const nearest = nearestWord(key, [...KEYS.keys()]);
  return nearest === undefined ? key : `${key} (did you mean ${nearest}?)`;
}

/**
 * Reads daemon.json.
 *
 * @throws {InvalidArgumentError} No JSON object, an unknown key (naming the nearest), a wrong type.
 */
export function parseConfigFile(text: string): OptionValues {
  if (text.trim() === "") return new Map();
  let json: unknown;
  try {
    json = parseJson(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new InvalidArgumentError(`invalid JSON: ${messageOf(cause)}`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new InvalidArgumentError("invalid JSON: want an object of settings");
  }
  const unknown = Object.keys(json).filter((key) => !KEYS.has(key));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(
      `the following directives don't match any configuration option: ${unknown.map(describeUnknown).join(", ")}`,
    );
  }
  const values = new Map<DaemonOption, OptionValue>();
  for (const [key, value] of Object.entries(json)) {
    const option = KEYS.get(key);
    if (option) values.set(option, valueFromJson(option, value));
  }
  return values;
}

/**
 * Joins flags and file.
 *
 * @throws {InvalidArgumentError} Something is in both, with dockerd's words.
 */
export function mergeValues(flags: OptionValues, file: OptionValues): OptionValues {
  const conflicts: string[] = [];
  for (const [option, fromFlag] of flags) {
    const fromFile = file.get(option);
    if (!fromFile) continue;
    conflicts.push(
      `${optionName(option)}: (from flag: ${formatValue(fromFlag)}, from file: ${formatValue(fromFile)})`,
    );
  }
  if (conflicts.length > 0) {
    throw new InvalidArgumentError(
      "the following directives are specified both as a flag and in the configuration file: " +
        conflicts.sort().join(", "),
    );
  }
  return new Map([...file, ...flags]);
}
