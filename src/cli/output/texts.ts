import { formatHumanDuration } from "#base/durations.ts";

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
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time} ${zoneOffset(date)} ${zoneName(date)}`;
}

function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(size / 60)}${two(size % 60)}`;
}

function zoneName(date: Date): string {
  if (date.getTimezoneOffset() === 0) return "UTC";
  const name = /\(([^)]+)\)/.exec(date.toString())?.[1] ?? "";
  // The runtime gives long names ("Central European Standard Time"); Go prints the initials.
  return name.includes(" ")
    ? name
        .split(" ")
        .map((word) => word[0])
        .join("")
    : name;
}

/** `key=value` sorted, separated by commas. */
export function labelList(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}
