import type { Events } from "#events/events.ts";
import type { Cgroups } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { IdMappings } from "#base/id-mappings.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets } from "#host/sockets.ts";
import type { System } from "#host/system.ts";
import type { Images } from "#images/images.ts";
import type { Logs } from "#logs/logs.ts";
import type { Networks } from "#networks/networks.ts";
import type { Runtime } from "#runtime/runtime.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { Ulimit } from "#spec/engine-api/host-config.ts";
import type { ContainerId, RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";
import type { Volumes } from "#volumes/volumes.ts";
import type { Background } from "./background.ts";
import type { ContainerEvents } from "./container-events.ts";
import type { ExecsAhead } from "./exec/ahead.ts";
import type { SupervisorsAhead } from "./bring-up/supervisors-ahead.ts";
import type { Execs } from "./exec/execs.ts";
import type { FilesWorkers } from "./files/workers.ts";
import type { SeccompProfile } from "./oci-spec/seccomp.ts";
import type { Lives } from "./live.ts";
import type { HealthMonitors } from "./health/monitors.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { SpareSandbox } from "./steps/spare-sandbox.ts";
import type { MappingNamespaces } from "./bring-up/mapping-namespaces.ts";

/** What the daemon's configuration decides for all containers. */
export interface ContainerSettings {
  /** `<data root>/containers`: a folder for each, with its log and its files. */
  readonly directory: string;
  /** `wharf`, or `system.slice` with systemd: parent of the cgroups, unless `--cgroup-parent` says else. */
  readonly cgroupParent: string;
  /** systemd makes the cgroups. */
  readonly usesSystemdCgroups: boolean;
  /** The daemon's `--dns`, `--dns-opt`, `--dns-search`. */
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  /** The daemon's `--default-ulimit`. */
  readonly defaultUlimits: readonly Ulimit[];
  /** Folders of CDI specifications, the later the stronger; none switches them off. */
  readonly cdiSpecDirectories: readonly string[];
  /** The init of `--init`; absent where none is installed. */
  readonly initPath?: string;
  /** The daemon's own `--init`: for containers that do not say. */
  readonly isInitDefault: boolean;
  /** The daemon's `--default-stop-timeout`, which a reload may change; -1: for ever. */
  readonly stopTimeoutSeconds: () => number;
  /** The daemon's `--userns-remap`: ids of containers that do not ask for the host's. */
  readonly idMappings?: IdMappings;
  /** The daemon's `--no-new-privileges`: for containers that do not say. */
  readonly isNoNewPrivilegesDefault: boolean;
  /** AppArmor profile of containers that do not name one; absent where there is none. */
  readonly appArmorProfile?: string;
  /** Text of the default seccomp profile, Docker's format; absent where seccomp is. */
  readonly seccompProfile?: string;
}

export interface ContainersOptions {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly images: Images;
  readonly snapshotter: Snapshotter;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly logs: Logs;
  readonly events: Events;
  readonly clock: Clock;
  readonly system: System;
  readonly cgroups: Cgroups;
  readonly processes: Pick<Processes, "run">;
  readonly mounts: Pick<Mounts, "bind" | "bindMapped" | "list" | "tmpfs" | "unmount">;
  readonly namespaces: Pick<Namespaces, "openUser">;
  /** For health checks that the engine does itself. */
  readonly sockets: Pick<Sockets, "connectTcp" | "openVault">;
  readonly filesWorkers: FilesWorkers;
  /** Told of each health check. */
  readonly onProbe?: (probe: {
    readonly exitCode: number;
    /** Until its command ran, or the engine's own check began. */
    readonly startSeconds: number;
  }) => void;
  /** Told of each start that succeeded, whoever asked for it: a user, a restart policy, the engine's own start. */
  readonly onStarted?: (seconds: number) => void;
  readonly settings: ContainerSettings;
  readonly randomBytes: RandomBytes;
  /** Reports what went wrong behind an answer, and stops nothing. */
  readonly warn: (message: string) => void;
}

/** What the verbs work with; each names the few it needs by `Pick`. */
export interface ContainerParts extends Omit<ContainersOptions, "events"> {
  readonly registry: ContainerRegistry;
  readonly lives: Lives;
  readonly execs: Execs;
  readonly execsAhead: ExecsAhead;
  readonly supervisorsAhead: SupervisorsAhead;
  readonly events: ContainerEvents;
  readonly background: Background;
  readonly health: HealthMonitors;
  readonly seccompProfile: SeccompProfile | undefined;
  readonly mappingNamespaces: MappingNamespaces;
  /** Ids of processes that are steps of builds: of no container. */
  readonly stepIds: Set<string>;
  readonly spareSandbox: SpareSandbox;
  /** Whether the engine is ending: no restart policy runs then. */
  readonly isEnding: () => boolean;
  /** Starts a container again for its restart policy. Never rejects. */
  readonly startAgain: (id: ContainerId) => Promise<void>;
}
