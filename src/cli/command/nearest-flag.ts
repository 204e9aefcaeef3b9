import { nearestWord } from "#base/nearest.ts";
import type { FlagTable } from "./flags.ts";

/** The flag that was probably meant. */
export function nearestFlag(name: string, table: FlagTable): string | undefined {
  const names = Object.keys(table).filter((one) => !table[one]?.hidden);
  return nearestWord(name, [...names, "help"]);
}
