import type { ContainerStatsSample } from "./containers.ts";
import type { ContainerParts } from "./parts.ts";
import { cgroupPathOf } from "./cgroup-path.ts";

export function sampleStats(
  parts: Pick<
    ContainerParts,
    "cgroups" | "clock" | "networks" | "registry" | "settings" | "system"
  >,
  reference: string,
): ContainerStatsSample {
  const record = parts.registry.resolve(reference);
  const isRunning = record.state.status === "running";
  return {
    id: record.id,
    name: record.name,
    readNanos: parts.clock.nowNanos(),
    cgroup: isRunning ? parts.cgroups.stats(cgroupPathOf(parts.settings, record)) : {},
    hostCpuNanos: parts.system.cpuUsageNanos(),
    onlineCpus: parts.system.cpuCount,
    networks: isRunning ? parts.networks.counters(record.id) : {},
    isRunning,
  };
}
