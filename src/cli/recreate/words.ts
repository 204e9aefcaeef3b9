import { formatGoDuration } from "#base/durations.ts";

/** A word whose end is the name of a file with this content. */
export interface FileWord {
  readonly before: string;
  readonly content: string;
}

export type Word = string | FileWord;

/** For POSIX shells; a file is written in the words of bash and zsh. */
export function shellWord(word: Word): string {
  if (typeof word !== "string") return `${word.before}<(printf %s ${quote(word.content)})`;
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : quote(word);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Each value with the flag before it. */
export function repeated(flag: string, values: readonly Word[]): readonly Word[] {
  return values.flatMap((value) => [flag, value]);
}

/** `key=value` of each entry, with the flag before it. */
export function pairs(flag: string, map: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(map).flatMap(([key, value]) => [flag, `${key}=${value}`]);
}

/** Fields with commas or quotes in quotes, as Go's CSV reader takes them. */
export function csvLine(fields: readonly string[]): string {
  return fields
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

/** `512m`: the largest unit in which it is whole. */
export function formatBytes(sizeBytes: number): string {
  for (const [unit, factor] of [
    ["g", 2 ** 30],
    ["m", 2 ** 20],
    ["k", 2 ** 10],
  ] as const) {
    if (sizeBytes >= factor && sizeBytes % factor === 0) return `${sizeBytes / factor}${unit}`;
  }
  return sizeBytes > 0 ? `${sizeBytes}b` : String(sizeBytes);
}

/** `90s`, `500ms`, `1m30.5s`: what both flags and Compose read. */
export function formatNanoseconds(nanoseconds: number): string {
  if (nanoseconds % 1e9 === 0) return `${nanoseconds / 1e9}s`;
  return formatGoDuration(nanoseconds).replace("µ", "u");
}

/** `1.5`, without rounding. */
export function formatNanoCpus(nanoCpus: number): string {
  return (nanoCpus / 1e9).toFixed(9).replace(/\.?0+$/, "");
}
