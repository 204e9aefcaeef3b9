import { formatHumanDuration } from "#base/durations.ts";
import { formatUnixTimestamp, parseTimestamp } from "#spec/engine-api/timestamps.ts";
import { type LocalTime, localTime } from "./local-time.ts";

/** `sha256:` and all but the first 12 characters removed. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}

/** `2 hours ago`. */
export function timeAgo(timeMs: number, now: Date): string {
  return `${formatHumanDuration(Math.max(0, now.getTime() - timeMs))} ago`;
}

/** Go's `time.Time.String()` for whole seconds: `2006-01-02 15:04:05 -0700 MST`, in local time. */
export function goTimeString(timeMs: number): string {
  const time = localTime(Math.floor(timeMs / 1000));
  const day = `${time.year}-${two(time.month)}-${two(time.day)}`;
  const clock = `${two(time.hour)}:${two(time.minute)}:${two(time.second)}`;
  return `${day} ${clock} ${zoneOffset(time, "")} ${time.zone}`;
}

/** `+0100`; with a separator `+01:00`. */
function zoneOffset(time: LocalTime, separator: string): string {
  const minutes = Math.trunc(Math.abs(time.offsetSeconds) / 60);
  const sign = time.offsetSeconds < 0 ? "-" : "+";
  return `${sign}${two(Math.trunc(minutes / 60))}${separator}${two(minutes % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/**
 * RFC 3339 in local time, nanoseconds always nine digits: `2006-01-02T15:04:05.000000000+01:00`.
 *
 * @param nanoseconds Within the second.
 */
export function localRfc3339Nano(seconds: number, nanoseconds: number): string {
  return rfc3339(seconds, `.${String(nanoseconds).padStart(9, "0")}`);
}

/** RFC 3339 in local time: `2006-01-02T15:04:05+01:00`. */
export function localRfc3339(seconds: number): string {
  return rfc3339(seconds, "");
}

function rfc3339(seconds: number, fraction: string): string {
  const time = localTime(seconds);
  const day = `${time.year}-${two(time.month)}-${two(time.day)}`;
  const clock = `${two(time.hour)}:${two(time.minute)}:${two(time.second)}`;
  const zone = time.offsetSeconds === 0 ? "Z" : zoneOffset(time, ":");
  return `${day}T${clock}${fraction}${zone}`;
}

/** `key=value` sorted, separated by commas. */
export function labelList(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

/**
 * What a user types after `--since` and `--until` in the API's form, seconds and nanoseconds.
 *
 * @throws {InvalidArgumentError} In docker's words, when it is no time or duration.
 */
export function apiTimestamp(text: string, now: Date): string {
  const offsetMinutes = localTime(Math.floor(now.getTime() / 1000)).offsetSeconds / 60;
  const nanoseconds = parseTimestamp(text, BigInt(now.getTime()) * 1_000_000n, offsetMinutes);
  return formatUnixTimestamp(nanoseconds);
}
