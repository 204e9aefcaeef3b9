import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import { text } from "#bake/hcl/value.ts";
import { asText, textParameter } from "./arguments.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A time with the distance from UTC that it was written with. */
interface ZonedTime {
  readonly epochMs: number;
  readonly offsetMinutes: number;
}

function parseTime(value: string, index: number): ZonedTime {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/.exec(value);
  const epochMs = Date.parse(value);
  if (!match || Number.isNaN(epochMs)) {
    throw new ArgumentError(
      index,
      `${JSON.stringify(value)} is no time as in 2006-01-02T15:04:05Z`,
    );
  }
  const [, sign, hours = "0", minutes = "0"] = match;
  const distance = Number(hours) * 60 + Number(minutes);
  return { epochMs, offsetMinutes: sign === "-" ? -distance : distance };
}

function localDate({ epochMs, offsetMinutes }: ZonedTime): Date {
  return new Date(epochMs + offsetMinutes * 60_000);
}

function zone(offsetMinutes: number, colon: string): string {
  const absolute = Math.abs(offsetMinutes);
  const [hours, minutes] = [Math.trunc(absolute / 60), absolute % 60].map(two);
  return `${offsetMinutes < 0 ? "-" : "+"}${hours}${colon}${minutes}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

function rfc3339(time: ZonedTime): string {
  const date = localDate(time).toISOString();
  const fraction = date.slice(20, 23).replace(/0+$/, "");
  const end = time.offsetMinutes === 0 ? "Z" : zone(time.offsetMinutes, ":");
  return `${date.slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}${end}`;
}

/** Letters of a pattern that stand for a part of the time; those in quotes stand for themselves. */
function formatTime(pattern: string, time: ZonedTime): string {
  const date = localDate(time);
  return pattern.replaceAll(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (run: string, quoted?: string) =>
    quoted === undefined ? timePart(run, date, time.offsetMinutes) : quoted.replaceAll("''", "'"),
  );
}

function timePart(run: string, date: Date, offset: number): string {
  const hours = date.getUTCHours();
  const month = MONTHS[date.getUTCMonth()] ?? "";
  const day = DAYS[date.getUTCDay()] ?? "";
  const parts: Readonly<Record<string, string>> = {
    YYYY: String(date.getUTCFullYear()).padStart(4, "0"),
    YY: two(date.getUTCFullYear() % 100),
    MMMM: month,
    MMM: month.slice(0, 3),
    MM: two(date.getUTCMonth() + 1),
    M: String(date.getUTCMonth() + 1),
    DD: two(date.getUTCDate()),
    D: String(date.getUTCDate()),
    EEEE: day,
    EEE: day.slice(0, 3),
    hh: two(hours),
    h: String(hours),
    HH: two(hours % 12 || 12),
    H: String(hours % 12 || 12),
    AA: hours < 12 ? "AM" : "PM",
    aa: hours < 12 ? "am" : "pm",
    mm: two(date.getUTCMinutes()),
    m: String(date.getUTCMinutes()),
    ss: two(date.getUTCSeconds()),
    s: String(date.getUTCSeconds()),
    ZZZZZ: zone(offset, ":"),
    ZZZZ: zone(offset, ""),
    ZZZ: offset === 0 ? "UTC" : zone(offset, ""),
    Z: offset === 0 ? "Z" : zone(offset, ":"),
  };
  const found = parts[run];
  if (found !== undefined) return found;
  throw new ArgumentError(0, `unsupported format verb "${run}"`);
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

function durationMs(value: string): number {
  if (!/^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$|^[+-]?0$/.test(value)) {
    throw new ArgumentError(1, `${JSON.stringify(value)} is no duration as in 1h30m`);
  }
  const parts = value.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g);
  const total = [...parts].reduce(
    (sum, [, count = "0", unit = "s"]) => sum + Number(count) * (UNITS_MS[unit] ?? 0),
    0,
  );
  return value.startsWith("-") ? -total : total;
}

export const TIME_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  formatdate: hclFunction(["format", "time"].map(textParameter), (format, time) =>
    text(formatTime(asText(format), parseTime(asText(time), 1))),
  ),
  timeadd: hclFunction(["timestamp", "duration"].map(textParameter), (time, duration) => {
    const { epochMs, offsetMinutes } = parseTime(asText(time), 0);
    return text(rfc3339({ epochMs: epochMs + durationMs(asText(duration)), offsetMinutes }));
  }),
  timestamp: hclFunction([], () => text(`${new Date().toISOString().slice(0, 19)}Z`)),
};
