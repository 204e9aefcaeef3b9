import type { EngineEvent, Events } from "#events/events.ts";
import type { CheckRequest, Finding } from "#upkeep/check/check.ts";
import type { DiskUsage, UsageKind } from "#upkeep/disk-usage.ts";
import type { PreviewRequest, PrunePreview } from "#upkeep/prune-preview.ts";
import type { StorageUsage } from "#upkeep/storage.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** A part of the engine that `version` lists. */
export interface EngineComponent {
  readonly name: string;
  readonly version: string;
  readonly details: Readonly<Record<string, string>>;
}

export interface EngineVersion {
  readonly version: string;
  readonly gitCommit: string;
  /** RFC 3339; empty when unknown. */
  readonly buildTime: string;
  readonly os: string;
  /** `amd64`, as Go names it. */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly components: readonly EngineComponent[];
}

/** What `info` tells, in the engine's own terms. */
export interface EngineInfo {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly containers: {
    readonly running: number;
    readonly paused: number;
    readonly stopped: number;
  };
  readonly imageCount: number;
  readonly storageDriver: string;
  readonly storageStatus: readonly (readonly [name: string, value: string])[];
  readonly dataRoot: string;
  readonly logDriver: string;
  readonly logDrivers: readonly string[];
  readonly volumeDrivers: readonly string[];
  readonly authorizationPlugins: readonly string[];
  readonly networkDrivers: readonly string[];
  readonly cgroupVersion: "1" | "2";
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** `cpu`, `cpuset`, `memory`, `pids`. */
  readonly cgroupControllers: readonly string[];
  readonly mayLimitSwap: boolean;
  readonly mayDisableOomKill: boolean;
  readonly isIpv4Forwarding: boolean;
  readonly isDebug: boolean;
  readonly openFiles: number;
  readonly eventListeners: number;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  /** `x86_64`, as uname says. */
  readonly machine: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly labels: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly runtimes: Readonly<
    Record<
      string,
      { readonly path: string; readonly arguments: readonly string[]; readonly commit: string }
    >
  >;
  readonly defaultRuntime: string;
  readonly isLiveRestore: boolean;
  readonly initBinary: string;
  readonly securityOptions: readonly string[];
  readonly isExperimental: boolean;
  readonly proxies: { readonly http: string; readonly https: string; readonly none: string };
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  readonly cdiSpecDirectories: readonly string[];
  /** Qualified names: `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  /** Sentences on what this host or session does not allow. */
  readonly warnings: readonly string[];
}

/** What the system endpoints need of the engine. */
export interface SystemBackend {
  readonly events: Pick<Events, "recent" | "subscribe">;
  /** Names that the filters of `events` may have. */
  readonly eventFilters: readonly string[];
  matchesEvent(filters: Filters, event: EngineEvent): boolean;
  version(): EngineVersion;
  info(): Promise<EngineInfo>;
  diskUsage(kinds: ReadonlySet<UsageKind>): Promise<DiskUsage>;
  storageUsage(): Promise<StorageUsage>;
  previewPrune(request: PreviewRequest): Promise<PrunePreview>;
  /** What is not as it should be; mended on demand. */
  check(request: CheckRequest, signal: AbortSignal): Promise<readonly Finding[]>;
  nowNanos(): bigint;
}
