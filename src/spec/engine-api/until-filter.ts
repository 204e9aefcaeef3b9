import { InvalidArgumentError } from "#base/errors.ts";
import { type Filters, filterValues } from "./filters.ts";
import { parseTimestamp } from "./timestamps.ts";

/**
 * The `until` filter of a prune: what was made after it stays.
 *
 * @returns Nanoseconds since the Unix epoch; undefined when it was not given.
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseUntilFilter(filters: Filters, nowNanos: bigint): bigint | undefined {
  const [until, ...more] = filterValues(filters, "until");
  if (more.length > 0) throw new InvalidArgumentError("more than one until filter specified");
  return until === undefined ? undefined : parseTimestamp(until, nowNanos);
}
