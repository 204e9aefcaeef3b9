import { dirname } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import { cgroupPathOf } from "./cgroup-path.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";

/**
 * Real-time CPU is handed down: the kernel gives a group no more than its parent has, and says EINVAL.
 *
 * @throws {FailedPreconditionError} Naming what is asked and what there is.
 */
export function checkRealtime(
  parts: Pick<ContainerParts, "cgroups" | "settings">,
  record: Pick<ContainerRecord, "id" | "hostConfig">,
): void {
  const { CpuRealtimeRuntime: askedMicros } = record.hostConfig;
  if (askedMicros <= 0) return;
  const parent = dirname(cgroupPathOf(parts.settings, record));
  const hasMicros = parts.cgroups.realtimeMicros(parent);
  if (askedMicros <= hasMicros) return;
  throw new FailedPreconditionError(
    `Cannot give the container ${askedMicros} µs of real-time CPU: its parent cgroup ${parent} has ${hasMicros} µs; start the engine with --cpu-rt-runtime`,
  );
}
