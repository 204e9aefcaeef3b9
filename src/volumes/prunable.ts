import { booleanFilter, type Filters, matchesLabels } from "#spec/engine-api/filters.ts";
import { LOCAL_DRIVER } from "./driver.ts";
import type { VolumeRecord } from "./volumes.ts";

/** Whether `prune` takes it once no container has it: local ones, named ones only with `all=true`. */
export function isPrunable(volume: VolumeRecord, filters: Filters): boolean {
  const takesNamed = booleanFilter(filters, "all") === true;
  return (
    volume.driver === LOCAL_DRIVER &&
    (takesNamed || volume.isAnonymous) &&
    matchesLabels(filters, volume.labels)
  );
}
