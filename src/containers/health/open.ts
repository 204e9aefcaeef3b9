import type { ContainerParts, ContainersOptions } from "#containers/parts.ts";
import { actOnFailure } from "./act-on-failure.ts";
import { HealthBook } from "./book.ts";
import { HealthMonitors } from "./monitors.ts";
import { runProbe } from "./run-probe.ts";

/**
 * @param partsOf The joined parts, of which the monitors are one: asked when a check is due.
 */
export function openHealthMonitors(
  options: Pick<ContainersOptions, "store" | "warn" | "clock">,
  joined: Pick<ContainerParts, "background" | "events" | "registry">,
  partsOf: () => ContainerParts,
): HealthMonitors {
  return new HealthMonitors({
    ...joined,
    clock: options.clock,
    book: new HealthBook(options.store, options.warn),
    probe: (record, check, startPermit, signal) =>
      runProbe(partsOf(), record, check, startPermit, signal),
    onFailure: (record) => actOnFailure(partsOf(), record),
  });
}
