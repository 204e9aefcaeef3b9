import { parseGoDuration } from "#base/durations.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { tryParseRfc3339 } from "#base/rfc3339.ts";

/** `since` and `until` of logs and events, `until` of prune. Nanoseconds since 1970 as bigint. */

const SECOND = 1_000_000_000n;
const LOCAL_TIME =
  /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?(Z|[-+]\d\d:\d\d)?$/;

/**
 * Reads what the API carries: `1136073845`, `1136073845.000000001`.
 *
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseUnixTimestamp(text: string): bigint {
  const match = /^([-+]?[0-9]{1,18})(?:\.([0-9]*))?$/.exec(text);
  if (!match) {
    const [whole = ""] = text.split(".");
    const culprit = /^[-+]?[0-9]{1,18}$/.test(whole) ? text.slice(whole.length + 1) : whole;
    throw new InvalidArgumentError(
      `strconv.ParseInt: parsing ${JSON.stringify(culprit)}: invalid syntax`,
    );
  }
  const [, seconds = "0", fraction = ""] = match;
  return BigInt(seconds) * SECOND + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}

/**
 * Reads what a user types after `--since` and `--until`: a Go duration before `now` (`10m`), a unix
 * time, or a date with as much of a time and zone as is known.
 *
 * @param now Nanoseconds since 1970.
 * @param zoneOffsetMinutes East of UTC, for a date without zone.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseTimestamp(text: string, now: bigint, zoneOffsetMinutes = 0): bigint {
  const duration = tryDuration(text);
  if (duration !== undefined) return now - duration;
  const date = tryDate(text, zoneOffsetMinutes);
  if (date !== undefined) return date;
  if (text.includes("-") && !text.startsWith("-")) {
    throw new InvalidArgumentError(
      `failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  }
  try {
    return parseUnixTimestamp(text);
  } catch (cause) {
    throw new InvalidArgumentError(
      `failed to parse value as time or duration: ${JSON.stringify(text)}`,
      { cause },
    );
  }
}

function tryDuration(text: string): bigint | undefined {
  if (/^[-+]?0$/.test(text)) return undefined;
  try {
    return BigInt(parseGoDuration(text));
  } catch (error) {
    if (error instanceof InvalidArgumentError) return undefined;
    throw error;
  }
}

function tryDate(text: string, zoneOffsetMinutes: number): bigint | undefined {
  const match = LOCAL_TIME.exec(text);
  if (!match) return undefined;
  const [, day, hour = "00", minute = "00", second = "00", fraction = "0", zone] = match;
  const utc = tryParseRfc3339(`${day}T${hour}:${minute}:${second}.${fraction}${zone ?? "Z"}`);
  if (utc === undefined || zone !== undefined) return utc;
  return utc - BigInt(zoneOffsetMinutes) * 60n * SECOND;
}

/** `seconds.nanoseconds`, the form in which a client sends a time to the API. */
export function formatUnixTimestamp(nanoseconds: bigint): string {
  const seconds = nanoseconds / SECOND;
  return `${seconds}.${String(nanoseconds % SECOND).padStart(9, "0")}`;
}
