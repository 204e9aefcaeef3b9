import type { ContainerStatsSample } from "./containers.ts";
import type { ContainerParts } from "./parts.ts";

export function sampleStats(
  parts: Pick<ContainerParts, "clock" | "networks" | "registry" | "runtime" | "system">,
  reference: string,
): ContainerStatsSample {
  const record = parts.registry.resolve(reference);
  const isRunning = record.state.status === "running";
  return {
    id: record.id,
    name: record.name,
    readNanos: parts.clock.nowNanos(),
    cgroup: isRunning ? parts.runtime.stats(record.id) : {},
    hostCpuNanos: parts.system.cpuUsageNanos(),
    onlineCpus: parts.system.cpuCount,
    networks: isRunning ? parts.networks.counters(record.id) : {},
    isRunning,
  };
}
