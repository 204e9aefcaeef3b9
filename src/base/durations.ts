import { InvalidArgumentError } from "./errors.ts";
import { quoteGo } from "./go-number.ts";

/** Go's durations (`1h30m`), and how Docker words elapsed time. */

const NANOSECONDS: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["µs", 1e3],
  ["μs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);

/**
 * Reads `300ms`, `-1.5h`, `2h45m`.
 *
 * @returns Nanoseconds; exact up to 104 days, beyond that to within a microsecond.
 * @throws {InvalidArgumentError} With the text of Go's `time.ParseDuration`.
 */
export function parseGoDuration(text: string): number {
  const invalid = (): InvalidArgumentError =>
    new InvalidArgumentError(`time: invalid duration ${quoteGo(text)}`);
  const isNegative = text.startsWith("-");
  let rest = /^[-+]/.test(text) ? text.slice(1) : text;
  if (rest === "0") return 0;
  if (rest === "") throw invalid();
  let total = 0;
  while (rest !== "") {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest)?.[0];
    if (number === undefined) throw invalid();
    rest = rest.slice(number.length);
    const unit = /^[^0-9.]+/.exec(rest)?.[0];
    if (unit === undefined) {
      throw new InvalidArgumentError(`time: missing unit in duration ${quoteGo(text)}`);
    }
    const scale = NANOSECONDS.get(unit);
    if (scale === undefined) {
      throw new InvalidArgumentError(
        `time: unknown unit ${quoteGo(unit)} in duration ${quoteGo(text)}`,
      );
    }
    total += Number(number) * scale;
    rest = rest.slice(unit.length);
  }
  if (total > 2 ** 63) throw invalid();
  return isNegative ? -Math.trunc(total) : Math.trunc(total);
}

function fraction(value: number, digits: number, unit: string): string {
  const text = value.toFixed(digits);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + unit;
}

/** Writes `1h30m0s`, `1.5s`, `100ms` as Go's `Duration.String` does. */
export function formatGoDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  const sign = nanoseconds < 0 ? "-" : "";
  const value = Math.abs(nanoseconds);
  if (value < 1e3) return `${sign}${value}ns`;
  if (value < 1e6) return sign + fraction(value / 1e3, 3, "µs");
  if (value < 1e9) return sign + fraction(value / 1e6, 6, "ms");
  const hours = Math.floor(value / 3600e9);
  const minutes = Math.floor((value % 3600e9) / 60e9);
  const seconds = fraction((value % 60e9) / 1e9, 9, "s");
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds;
}

/** `About a minute`, `3 hours`, `2 weeks`: go-units' `HumanDuration`, without `ago`. */
export function formatHumanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(milliseconds / 60_000);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(milliseconds / 3_600_000);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}
