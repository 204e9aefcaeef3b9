import { UnsupportedError } from "#base/errors.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

const NAMES: ReadonlySet<string> = new Set([
  "description",
  "id",
  "inuse",
  "parent",
  "private",
  "shared",
  "type",
]);
const NANOS_PER_SECOND = 1_000_000_000n;

/**
 * What `buildx prune --filter` sends, as the builder has it: `type==regular`, `shared`, and an age. Several are
 * alternatives, so they must be of one name.
 *
 * @param keepDurationNanos What was used in that time stays; 0 for all.
 * @throws {UnsupportedError} Anything else: passed over, it would take away more than was meant.
 */
export function cacheFilters(texts: readonly string[], keepDurationNanos: bigint): Filters {
  const filters = new Map<string, readonly string[]>();
  for (const text of texts.filter((one) => one !== "")) {
    const [, name = "", value = "true"] = /^([a-z]+)(?:==?([^,]*))?$/.exec(text) ?? [];
    const isOther = filters.size > 0 && !filters.has(name);
    if (!NAMES.has(name) || isOther) {
      throw new UnsupportedError(`Cannot filter the build cache by ${texts.join(" or ")}`);
    }
    filters.set(name, [...(filters.get(name) ?? []), value]);
  }
  if (keepDurationNanos > 0n) {
    filters.set("until", [`${keepDurationNanos / NANOS_PER_SECOND}s`]);
  }
  return filters;
}
