import type { Host } from "#host/host.ts";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import type { EngineConfig } from "./engine-config.ts";

export function containerDefaults(
  config: EngineConfig,
  host: Host,
  defaultRuntime: string,
): ContainerDefaults {
  const { containers } = config;
  return {
    logConfig: { Type: config.logDriver, Config: config.logOptions },
    runtime: defaultRuntime,
    shmSizeBytes: containers.shmSizeBytes,
    ipcMode: containers.ipcMode,
    cgroupnsMode: containers.cgroupnsMode ?? (host.cgroups.layout === "v2" ? "private" : "host"),
    cpuCount: host.system.cpuCount,
  };
}
