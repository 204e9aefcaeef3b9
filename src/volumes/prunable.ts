import { booleanFilter, type Filters, matchesLabels } from "#spec/engine-api/filters.ts";
import type { VolumeRecord } from "./volumes.ts";

/** Whether `prune` takes it once no container has it: named ones only with `all=true`. */
export function isPrunable(volume: VolumeRecord, filters: Filters): boolean {
  const takesNamed = booleanFilter(filters, "all") === true;
  return (takesNamed || volume.isAnonymous) && matchesLabels(filters, volume.labels);
}
