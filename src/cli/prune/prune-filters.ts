import type { Cli } from "#cli/cli.ts";
import { type FilterValues, cutAt } from "#cli/command/flags.ts";

/**
 * The filters of a prune command with those of the configuration's `pruneFilters` added: labels
 * that the user never or always wants pruned. A label of the command line wins over its negation.
 */
export function pruneFilters(cli: Cli, filters: FilterValues): FilterValues {
  const { pruneFilters: configured } = cli.config.raw;
  if (!Array.isArray(configured)) return filters;
  const merged: Record<string, readonly string[]> = { ...filters };
  for (const entry of configured) {
    if (typeof entry !== "string") continue;
    const [name, value = ""] = cutAt(entry, "="); // "label!=x" is the filter "label!"
    const opposite = name === "label!" ? "label" : "label!";
    if (merged[opposite]?.includes(value)) continue;
    const values = merged[name] ?? [];
    if (!values.includes(value)) merged[name] = [...values, value];
  }
  return merged;
}
