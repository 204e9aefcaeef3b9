import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { readDeviceNumbers } from "#containers/oci-spec/host-devices.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { Resources } from "#spec/engine-api/host-config.ts";
import type { Resources as OciResources } from "#spec/oci-runtime.ts";
import { planLimits } from "./plan-limits.ts";

type LimitParts = Pick<ContainerParts, "cgroups" | "registry" | "runtime" | "warn">;

/** What the runtime is to write for `after`; undefined when nothing is. */
export function limitsToWrite(
  parts: Pick<ContainerParts, "cgroups">,
  before: Resources,
  after: Resources,
): OciResources | undefined {
  const numbers = new Map([...readDeviceNumbers(before), ...readDeviceNumbers(after)]);
  return planLimits(before, after, numbers, parts.cgroups.abilities());
}

/** Puts back limits of which some may be in force. Never rejects: what cannot be put back is reported. */
export async function restoreLimits(
  parts: Pick<LimitParts, "cgroups" | "runtime" | "warn">,
  { id }: Pick<ContainerRecord, "id">,
  from: Resources,
  to: Resources,
): Promise<void> {
  try {
    const limits = limitsToWrite(parts, from, to);
    if (limits) await parts.runtime.update(id, limits);
  } catch (error) {
    parts.warn(`Cannot put the limits of container ${id} back: ${messageOf(error)}`);
  }
}

/**
 * Finishes an update that the end of an engine cut off: the limits on record are put in force, or, where they
 * cannot be, those before.
 *
 * @param record Of a container that runs.
 */
export async function settleLimits(parts: LimitParts, record: ContainerRecord): Promise<void> {
  const { limitsBefore, ...settled } = record;
  if (!limitsBefore) return;
  const before = { ...record.hostConfig, ...limitsBefore };
  try {
    const limits = limitsToWrite(parts, before, record.hostConfig);
    if (limits) await parts.runtime.update(record.id, limits);
    parts.registry.put(settled);
  } catch (error) {
    parts.warn(`Cannot finish the update of container ${record.id}: ${messageOf(error)}`);
    await restoreLimits(parts, record, record.hostConfig, before);
    parts.registry.put({ ...settled, hostConfig: before });
  }
}
