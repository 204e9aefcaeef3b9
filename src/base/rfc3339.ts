import { InvalidArgumentError } from "./errors.ts";

/** Times as Docker writes them: RFC 3339 in UTC with as many fraction digits as are not zero. */

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
/** Go's zero time: what Docker shows for "never". */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/** @param nanoseconds Since 1970 in UTC. */
export function formatRfc3339(nanoseconds: bigint): string {
  const { seconds, fraction } = split(nanoseconds);
  return `${wholeSeconds(seconds)}${fraction.replace(/0+$/, "").replace(/^(?=.)/, ".")}Z`;
}

/** Nine fraction digits always, as `logs --timestamps` prints. */
export function formatRfc3339Fixed(nanoseconds: bigint): string {
  const { seconds, fraction } = split(nanoseconds);
  return `${wholeSeconds(seconds)}.${fraction}Z`;
}

export function formatRfc3339Date(date: Date): string {
  return formatRfc3339(BigInt(date.getTime()) * 1_000_000n);
}

function split(nanoseconds: bigint): { readonly seconds: bigint; readonly fraction: string } {
  let seconds = nanoseconds / NANOSECONDS_PER_SECOND;
  let rest = nanoseconds % NANOSECONDS_PER_SECOND;
  if (rest < 0n) {
    rest += NANOSECONDS_PER_SECOND;
    seconds -= 1n;
  }
  return { seconds, fraction: String(rest).padStart(9, "0") };
}

function wholeSeconds(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, "");
}

const PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|[-+]\d\d:\d\d)$/;

/**
 * @returns Nanoseconds since 1970 in UTC, `undefined` where `text` is no such time.
 */
export function tryParseRfc3339(text: string): bigint | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", zone = ""] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) {
    return undefined;
  }
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const offsetMs = zoneOffsetMs(zone);
  if (offsetMs === undefined) return undefined;
  const nanoseconds = BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return BigInt(date.getTime() - offsetMs) * 1_000_000n + nanoseconds;
}

function zoneOffsetMs(zone: string): number | undefined {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** @throws {InvalidArgumentError} When `text` is no RFC 3339 time. */
export function parseRfc3339(text: string): bigint {
  const nanoseconds = tryParseRfc3339(text);
  if (nanoseconds === undefined) {
    throw new InvalidArgumentError(`Cannot parse time ${JSON.stringify(text)}: want RFC 3339`);
  }
  return nanoseconds;
}
