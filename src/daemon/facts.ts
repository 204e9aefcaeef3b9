import { existsSync, readFileSync } from "node:fs";
import type { EngineInfo, EngineVersion } from "#api/system/backend.ts";
import { buildId, buildTime, wharfVersion } from "#base/version.ts";
import { readCatalogue } from "#containers/cdi/catalogue.ts";
import type { Containers } from "#containers/containers.ts";
import type { Host } from "#host/host.ts";
import type { Images } from "#images/images.ts";
import type { Logs } from "#logs/logs.ts";
import type { Networks } from "#networks/networks.ts";
import type { Runtime } from "#runtime/runtime.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { Plugins } from "#plugins/plugins.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import { hostPlatform } from "#spec/platform.ts";
import type { EngineConfig } from "./config/engine-config.ts";

/** What `version` and `info` are put together from. */
export interface FactSources {
  readonly engineId: string;
  readonly host: Host;
  readonly runtime: Runtime;
  readonly snapshotter: Snapshotter;
  readonly images: Images;
  readonly networks: Networks;
  readonly logs: Logs;
  readonly plugins: Plugins;
  readonly authorizationPlugins: () => readonly string[];
  readonly containers: Containers;
  readonly initPath: string | undefined;
  readonly hasSeccomp: boolean;
  readonly isRemapped: boolean;
  readonly eventListeners: () => number;
  /** From the parts that were opened. */
  readonly warnings: readonly string[];
  /** As it is now: SIGHUP changes it. */
  readonly config: () => EngineConfig;
}

const MEMORY_SWAP_FILE = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
const IPV4_FORWARDING_FILE = "/proc/sys/net/ipv4/ip_forward";
/** What a container may be limited by, with the words that docker warns with. */
const CONTROLLERS: readonly (readonly [controller: string, words: string])[] = [
  ["memory", "No memory limit support"],
  ["cpu", "No cpu shares support"],
  ["cpuset", "No cpuset support"],
  ["pids", "No pids limit support"],
];

export function engineVersion(sources: Pick<FactSources, "host" | "runtime">): EngineVersion {
  const { host, runtime } = sources;
  const { architecture } = hostPlatform("linux", host.system.machine);
  const runtimes = Object.entries(runtime.runtimes).map(([name, info]) => ({
    name,
    version: info.version,
    details: { GitCommit: info.commit },
  }));
  return {
    version: wharfVersion,
    gitCommit: buildId,
    buildTime,
    os: "linux",
    architecture,
    kernelVersion: host.system.kernelRelease,
    components: [
      {
        name: "conmon",
        version: runtime.supervisorVersion.replace(/^conmon version /, ""),
        details: { GitCommit: "" },
      },
      ...runtimes,
    ],
  };
}

function hasSwapLimit(host: Host): boolean {
  return host.cgroups.layout === "v2" || existsSync(MEMORY_SWAP_FILE);
}

function isForwarding(): boolean {
  return readFileSync(IPV4_FORWARDING_FILE, "utf8").trim() === "1";
}

function hostWarnings(host: Host): readonly string[] {
  const missing = CONTROLLERS.filter(([name]) => !host.cgroups.controllers.includes(name));
  return [
    ...missing.map(([, words]) => `WARNING: ${words}`),
    ...(hasSwapLimit(host) ? [] : ["WARNING: No swap limit support"]),
    ...(isForwarding() ? [] : ["WARNING: IPv4 forwarding is disabled"]),
    ...(host.system.securityModules.seccomp ? [] : ["WARNING: No seccomp support"]),
  ];
}

function securityOptions(sources: FactSources, config: EngineConfig): readonly string[] {
  const { securityModules } = sources.host.system;
  const profile = config.containers.seccompProfile;
  return [
    ...(securityModules.apparmor ? ["name=apparmor"] : []),
    ...(securityModules.seccomp
      ? [`name=seccomp,profile=${sources.hasSeccomp ? profile : "unconfined"}`]
      : []),
    ...(sources.isRemapped ? ["name=userns"] : []),
    ...(sources.host.cgroups.layout === "v2" ? ["name=cgroupns"] : []),
    ...(config.containers.isNoNewPrivileges ? ["name=no-new-privileges"] : []),
  ];
}

export async function engineInfo(sources: FactSources): Promise<EngineInfo> {
  const { host, runtime, snapshotter } = sources;
  const { system, cgroups } = host;
  const config = sources.config();
  const { cdiSpecDirectories } = config.containers;
  const cdi = readCatalogue(cdiSpecDirectories);
  const networkDrivers = new Set([
    "bridge",
    "host",
    "null",
    "macvlan",
    "ipvlan",
    ...sources.plugins.knownNames("NetworkDriver"),
    ...sources.networks.list().map((network) => network.driver),
  ]);
  return {
    id: sources.engineId,
    name: system.hostname,
    version: wharfVersion,
    containers: sources.containers.counts(),
    imageCount: sources.images.list({ all: true, filters: NO_FILTERS }).length,
    storageDriver: snapshotter.driver,
    storageStatus: snapshotter.status,
    dataRoot: config.dataRoot,
    logDriver: config.logDriver,
    logDrivers: [...sources.logs.names].sort(),
    volumeDrivers: ["local", ...sources.plugins.knownNames("VolumeDriver")],
    authorizationPlugins: sources.authorizationPlugins(),
    networkDrivers: [...networkDrivers].sort(),
    cgroupVersion: cgroups.layout === "v2" ? "2" : "1",
    cgroupDriver: config.containers.cgroupManager,
    cgroupControllers: cgroups.controllers,
    mayLimitSwap: hasSwapLimit(host),
    mayDisableOomKill: cgroups.layout !== "v2",
    isIpv4Forwarding: isForwarding(),
    isDebug: config.logLevel === "debug",
    openFiles: system.ownUsage().openFiles,
    eventListeners: sources.eventListeners(),
    kernelVersion: system.kernelRelease,
    operatingSystem: system.osName,
    osVersion: system.osVersion,
    machine: system.machine,
    cpuCount: system.cpuCount,
    memoryBytes: system.memoryBytes,
    labels: config.labels,
    registryMirrors: config.registryMirrors,
    insecureRegistries: config.insecureRegistries,
    runtimes: runtime.runtimes,
    defaultRuntime: runtime.defaultRuntime,
    isLiveRestore: config.isLiveRestore,
    initBinary: sources.initPath ?? "",
    securityOptions: securityOptions(sources, config),
    isExperimental: config.isExperimental,
    proxies: {
      http: withoutCredentials(config.proxies.http),
      https: withoutCredentials(config.proxies.https),
      none: config.proxies.none,
    },
    addressPools: config.bridge.addressPools,
    cdiSpecDirectories,
    cdiDevices: [...cdi.devices.keys()].sort(),
    warnings: [
      ...sources.warnings,
      ...sources.networks.warnings(),
      ...hostWarnings(host),
      ...cdi.problems,
    ],
  };
}

/** Labels of the metric `engine_daemon_engine_info`. */
export function engineLabels(
  sources: Pick<FactSources, "engineId" | "host" | "snapshotter">,
  version: EngineVersion,
): Readonly<Record<string, string>> {
  const { system } = sources.host;
  return {
    architecture: system.machine,
    commit: version.gitCommit,
    daemon_id: sources.engineId,
    graphdriver: sources.snapshotter.driver,
    kernel: system.kernelRelease,
    os: system.osName,
    os_type: version.os,
    os_version: system.osVersion,
    version: version.version,
  };
}

/** As dockerd shows a proxy: whoever may ask need not know its password. */
function withoutCredentials(proxy: string): string {
  return proxy.replace(/\/\/[^@/]*@/, "//xxxxx:xxxxx@");
}
