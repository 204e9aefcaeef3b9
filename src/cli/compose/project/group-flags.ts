import type { GroupFlags } from "#cli/command/command.ts";

/** The text of a flag; undefined where it is empty. */
export function textFlag({ values }: GroupFlags, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The texts of a flag that may be given several times. */
export function textsFlag({ values }: GroupFlags, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
