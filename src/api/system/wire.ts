import type { SystemInfo, SystemVersion } from "@docker/node-sdk";
import { formatRfc3339 } from "#base/rfc3339.ts";
import {
  type ApiVersion,
  MAX_API_VERSION,
  MIN_API_VERSION,
  isAtLeast,
} from "#spec/engine-api/version.ts";
import type { Wire } from "#api/wire.ts";
import type { EngineInfo, EngineVersion } from "./backend.ts";

const INDEX_SERVER = "https://index.docker.io/v1/";
const LOOPBACK_REGISTRIES = ["::1/128", "127.0.0.0/8"] as const;

/** `GET /version`. `GoVersion` is there because clients print it; no Go is in Wharf. */
export function versionToWire(engine: EngineVersion, runtimeVersion: string): Wire<SystemVersion> {
  const shared = {
    ApiVersion: MAX_API_VERSION,
    Arch: engine.architecture,
    BuildTime: engine.buildTime,
    GitCommit: engine.gitCommit,
    GoVersion: runtimeVersion,
    KernelVersion: engine.kernelVersion,
    MinAPIVersion: MIN_API_VERSION,
    Os: engine.os,
  };
  return {
    Platform: { Name: "Wharf" },
    Components: [
      {
        Name: "Engine",
        Version: engine.version,
        Details: { ...shared, Experimental: "false" },
      },
      ...engine.components.map(({ name, version, details }) => ({
        Name: name,
        Version: version,
        Details: details,
      })),
    ],
    Version: engine.version,
    ...shared,
  };
}

function registryToWire(info: EngineInfo): Wire<SystemInfo>["RegistryConfig"] {
  const isCidr = (text: string): boolean => text.includes("/");
  const named = info.insecureRegistries.filter((text) => !isCidr(text));
  const insecure = named.map((name) => [
    name,
    { Mirrors: [], Name: name, Official: false, Secure: false },
  ]);
  return {
    IndexConfigs: {
      "docker.io": {
        Mirrors: info.registryMirrors,
        Name: "docker.io",
        Official: true,
        Secure: true,
      },
      ...Object.fromEntries(insecure),
    },
    InsecureRegistryCIDRs: [...LOOPBACK_REGISTRIES, ...info.insecureRegistries.filter(isCidr)],
    Mirrors: info.registryMirrors.length === 0 ? null : info.registryMirrors,
  };
}

function limitsToWire(info: EngineInfo): Wire<SystemInfo> {
  const has = (controller: string): boolean => info.cgroupControllers.includes(controller);
  return {
    MemoryLimit: has("memory"),
    SwapLimit: info.mayLimitSwap,
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    OomKillDisable: info.mayDisableOomKill,
  };
}

/** Fields that newer API versions took away. */
function legacyInfo(version: ApiVersion): Readonly<Record<string, unknown>> {
  return {
    ...(isAtLeast(version, "1.50") ? {} : { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    ...(isAtLeast(version, "1.42") ? {} : { KernelMemory: false }),
    ...(isAtLeast(version, "1.52") ? {} : { KernelMemoryTCP: false }),
  };
}

/** `GET /info` in the shape of `version`. */
export function infoToWire(
  info: EngineInfo,
  version: ApiVersion,
  nowNanos: bigint,
): Wire<SystemInfo> {
  const { running, paused, stopped } = info.containers;
  const registry = registryToWire(info);
  return {
    ID: info.id,
    Containers: running + paused + stopped,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: stopped,
    Images: info.imageCount,
    Driver: info.storageDriver,
    DriverStatus: info.storageStatus.map((row) => [...row]),
    Plugins: {
      Volume: info.volumeDrivers,
      Network: info.networkDrivers,
      Authorization: info.authorizationPlugins.length === 0 ? null : info.authorizationPlugins,
      Log: info.logDrivers,
    },
    ...limitsToWire(info),
    IPv4Forwarding: info.isIpv4Forwarding,
    Debug: info.isDebug,
    NFd: info.openFiles,
    NGoroutines: 1,
    SystemTime: formatRfc3339(nowNanos),
    LoggingDriver: info.logDriver,
    CgroupDriver: info.cgroupDriver,
    CgroupVersion: info.cgroupVersion,
    NEventsListener: info.eventListeners,
    KernelVersion: info.kernelVersion,
    OperatingSystem: info.operatingSystem,
    OSVersion: info.osVersion,
    OSType: "linux",
    Architecture: info.machine,
    IndexServerAddress: INDEX_SERVER,
    ...(registry && { RegistryConfig: registry }),
    NCPU: info.cpuCount,
    MemTotal: info.memoryBytes,
    GenericResources: null,
    DockerRootDir: info.dataRoot,
    HttpProxy: info.proxies.http,
    HttpsProxy: info.proxies.https,
    NoProxy: info.proxies.none,
    Name: info.name,
    Labels: info.labels,
    ExperimentalBuild: info.isExperimental,
    ServerVersion: info.version,
    Runtimes: Object.fromEntries(
      Object.entries(info.runtimes).map(([name, runtime]) => [
        name,
        {
          path: runtime.path,
          ...(runtime.arguments.length > 0 ? { runtimeArgs: runtime.arguments } : {}),
        },
      ]),
    ),
    DefaultRuntime: info.defaultRuntime,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: info.isLiveRestore,
    Isolation: "",
    InitBinary: info.initBinary,
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: info.runtimes["runc"]?.commit ?? "" },
    InitCommit: { ID: "" },
    SecurityOptions: isAtLeast(version, "1.25")
      ? info.securityOptions
      : info.securityOptions.flatMap((option) => /^name=([^,]+)/.exec(option)?.[1] ?? []),
    ...(info.addressPools.length > 0
      ? {
          DefaultAddressPools: info.addressPools.map(({ base, size }) => ({
            Base: base,
            Size: size,
          })),
        }
      : {}),
    ...(isAtLeast(version, "1.49") ? { FirewallBackend: { Driver: "nftables" } } : {}),
    ...(isAtLeast(version, "1.50") && info.cdiDevices.length > 0
      ? { DiscoveredDevices: info.cdiDevices.map((id) => ({ Source: "cdi", ID: id })) }
      : {}),
    CDISpecDirs: [...info.cdiSpecDirectories],
    Warnings: info.warnings.length === 0 ? null : info.warnings,
    ...legacyInfo(version),
  };
}
