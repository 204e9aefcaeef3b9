import type { ContainerParts, ContainersOptions } from "#containers/parts.ts";
import { actOnFailure } from "./act-on-failure.ts";
import { HealthBook } from "./book.ts";
import { HealthMonitors } from "./monitors.ts";
import { runProbe } from "./run-probe.ts";

const MS_PER_SECOND = 1000;

/**
 * @param partsOf The joined parts, of which the monitors are one: asked when a check is due.
 */
export function openHealthMonitors(
  options: Pick<ContainersOptions, "store" | "warn" | "clock" | "onProbe">,
  joined: Pick<ContainerParts, "background" | "events" | "registry">,
  partsOf: () => ContainerParts,
): HealthMonitors {
  return new HealthMonitors({
    ...joined,
    clock: options.clock,
    book: new HealthBook(options.store, options.warn),
    probe: async (record, check, startPermit, signal) => {
      const beginMs = options.clock.monotonicMs();
      let startedMs: number | undefined;
      const permit: Disposable = {
        [Symbol.dispose]: () => {
          startedMs ??= options.clock.monotonicMs();
          startPermit[Symbol.dispose]();
        },
      };
      const result = await runProbe(partsOf(), record, check, permit, signal);
      const startSeconds = ((startedMs ?? beginMs) - beginMs) / MS_PER_SECOND;
      options.onProbe?.({ exitCode: result.exitCode, startSeconds });
      return result;
    },
    onFailure: (record) => actOnFailure(partsOf(), record),
  });
}
