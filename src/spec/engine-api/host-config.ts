import { InvalidArgumentError } from "#base/errors.ts";
import type { Mount } from "./mount.ts";

/** Where the engine's own configuration or the host decides what an absent field means. */
export interface ContainerDefaults {
  readonly logConfig: LogConfig;
  readonly runtime: string;
  readonly shmSizeBytes: number;
  readonly ipcMode: "private" | "shareable";
  readonly cgroupnsMode: "host" | "private";
  /** Present when the number of the host's CPUs is to be held against `NanoCpus`. */
  readonly cpuCount?: number;
}

export const DOCKER_DEFAULTS: ContainerDefaults = {
  logConfig: { Type: "json-file", Config: {} },
  runtime: "runc",
  shmSizeBytes: 64 * 1024 * 1024,
  ipcMode: "private",
  cgroupnsMode: "private",
};

export interface LogConfig {
  readonly Type: string;
  readonly Config: Readonly<Record<string, string>>;
}

export interface PortBinding {
  /** Empty for every address. */
  readonly HostIp: string;
  /** Empty for any free port; perhaps a range. */
  readonly HostPort: string;
}

export type RestartPolicyName = "no" | "always" | "on-failure" | "unless-stopped";

export interface RestartPolicy {
  readonly Name: RestartPolicyName;
  /** 0 is without end. */
  readonly MaximumRetryCount: number;
}

export interface WeightDevice {
  readonly Path: string;
  readonly Weight: number;
}

/** Bytes or operations a second. */
export interface ThrottleDevice {
  readonly Path: string;
  readonly Rate: number;
}

export interface DeviceMapping {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

export interface DeviceRequest {
  readonly Driver: string;
  /** -1 is all. */
  readonly Count: number;
  readonly DeviceIDs: readonly string[];
  readonly Capabilities: readonly (readonly string[])[];
  readonly Options: Readonly<Record<string, string>>;
}

export interface Ulimit {
  readonly Name: string;
  readonly Hard: number;
  readonly Soft: number;
}

/** The limits that `update` may change: the wire calls them Resources. */
export interface Resources {
  /** Relative weight; 0 is the kernel's default of 1024. */
  readonly CpuShares: number;
  /** Bytes; 0 is no limit. */
  readonly Memory: number;
  readonly NanoCpus: number;
  readonly CgroupParent: string;
  readonly BlkioWeight: number;
  readonly BlkioWeightDevice: readonly WeightDevice[];
  readonly BlkioDeviceReadBps: readonly ThrottleDevice[];
  readonly BlkioDeviceWriteBps: readonly ThrottleDevice[];
  readonly BlkioDeviceReadIOps: readonly ThrottleDevice[];
  readonly BlkioDeviceWriteIOps: readonly ThrottleDevice[];
  /** Microseconds. */
  readonly CpuPeriod: number;
  /** Microseconds. */
  readonly CpuQuota: number;
  readonly CpuRealtimePeriod: number;
  readonly CpuRealtimeRuntime: number;
  readonly CpusetCpus: string;
  readonly CpusetMems: string;
  readonly Devices: readonly DeviceMapping[];
  readonly DeviceCgroupRules: readonly string[];
  readonly DeviceRequests: readonly DeviceRequest[];
  /** Bytes. */
  readonly MemoryReservation: number;
  /** Bytes of memory and swap together; -1 is no limit. */
  readonly MemorySwap: number;
  readonly MemorySwappiness: number | null;
  readonly OomKillDisable: boolean;
  /** `null` and -1 are no limit. */
  readonly PidsLimit: number | null;
  /** `null` where the request had none: shown as it was asked. */
  readonly Ulimits: readonly Ulimit[] | null;
  /** Only on Windows, like the next three. */
  readonly CpuCount: number;
  readonly CpuPercent: number;
  readonly IOMaximumIOps: number;
  readonly IOMaximumBandwidth: number;
}

/**
 * How the container meets its host, in the wire's names. Lists and maps are never `null` here; where
 * `null` and empty differ the type says so.
 */
export interface HostConfig extends Resources {
  readonly Binds: readonly string[];
  readonly ContainerIDFile: string;
  readonly LogConfig: LogConfig;
  /** `bridge`, `host`, `none`, `container:ID` or a network's name. */
  readonly NetworkMode: string;
  /** Keys like `80/tcp`. */
  readonly PortBindings: Readonly<Record<string, readonly PortBinding[]>>;
  readonly RestartPolicy: RestartPolicy;
  readonly AutoRemove: boolean;
  readonly VolumeDriver: string;
  readonly VolumesFrom: readonly string[];
  /** Height and width. */
  readonly ConsoleSize: readonly [number, number];
  readonly Annotations: Readonly<Record<string, string>>;
  /** Names with `CAP_`, or `ALL`. */
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  readonly CgroupnsMode: "host" | "private";
  readonly Dns: readonly string[];
  readonly DnsOptions: readonly string[];
  readonly DnsSearch: readonly string[];
  /** `HOST:IP` or `HOST:host-gateway`. */
  readonly ExtraHosts: readonly string[];
  readonly GroupAdd: readonly string[];
  readonly IpcMode: string;
  readonly Cgroup: string;
  readonly Links: readonly string[];
  readonly OomScoreAdj: number;
  readonly PidMode: string;
  readonly Privileged: boolean;
  readonly PublishAllPorts: boolean;
  readonly ReadonlyRootfs: boolean;
  readonly SecurityOpt: readonly string[];
  readonly StorageOpt: Readonly<Record<string, string>>;
  /** Absolute paths to mount options. */
  readonly Tmpfs: Readonly<Record<string, string>>;
  readonly UTSMode: "" | "host";
  readonly UsernsMode: "" | "host";
  /** Bytes. */
  readonly ShmSize: number;
  readonly Sysctls: Readonly<Record<string, string>>;
  readonly Runtime: string;
  readonly Isolation: string;
  /** Absent follows the engine's `--init`. */
  readonly Init?: boolean;
  readonly Mounts: readonly Mount[];
  readonly MaskedPaths: readonly string[];
  readonly ReadonlyPaths: readonly string[];
}

export const DEFAULT_MASKED_PATHS: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

export const DEFAULT_READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** A mode of the form `container:NAME` (network, ipc, pid). */
export function joinedContainer(mode: string): string | undefined {
  return mode.startsWith("container:") ? mode.slice("container:".length) : undefined;
}

/** Whether the mode names a network that a user made (or an ID of one). */
export function isUserDefinedNetwork(networkMode: string): boolean {
  return (
    !["", "default", "bridge", "host", "none"].includes(networkMode) &&
    joinedContainer(networkMode) === undefined
  );
}

/** Splits `HOST:IP`; the address may be IPv6, hence the first colon. */
export function splitExtraHost(text: string): { readonly host: string; readonly address: string } {
  const colon = text.indexOf(":");
  if (colon <= 0 || colon === text.length - 1) {
    throw new InvalidArgumentError(`bad format for add-host: ${JSON.stringify(text)}`);
  }
  return { host: text.slice(0, colon), address: text.slice(colon + 1) };
}

const NULL_WHEN_EMPTY = [
  "Binds",
  "VolumesFrom",
  "CapAdd",
  "CapDrop",
  "ExtraHosts",
  "GroupAdd",
  "Links",
  "SecurityOpt",
  "DeviceCgroupRules",
  "DeviceRequests",
] as const;
const LEFT_OUT_WHEN_EMPTY = ["Annotations", "StorageOpt", "Tmpfs", "Sysctls", "Mounts"] as const;

// Go's order of the fields, in which `inspect` prints them
const WIRE_ORDER: readonly (keyof HostConfig)[] = [
  "Binds",
  "ContainerIDFile",
  "LogConfig",
  "NetworkMode",
  "PortBindings",
  "RestartPolicy",
  "AutoRemove",
  "VolumeDriver",
  "VolumesFrom",
  "ConsoleSize",
  "Annotations",
  "CapAdd",
  "CapDrop",
  "CgroupnsMode",
  "Dns",
  "DnsOptions",
  "DnsSearch",
  "ExtraHosts",
  "GroupAdd",
  "IpcMode",
  "Cgroup",
  "Links",
  "OomScoreAdj",
  "PidMode",
  "Privileged",
  "PublishAllPorts",
  "ReadonlyRootfs",
  "SecurityOpt",
  "StorageOpt",
  "Tmpfs",
  "UTSMode",
  "UsernsMode",
  "ShmSize",
  "Sysctls",
  "Runtime",
  "Isolation",
  "CpuShares",
  "Memory",
  "NanoCpus",
  "CgroupParent",
  "BlkioWeight",
  "BlkioWeightDevice",
  "BlkioDeviceReadBps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteIOps",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "Devices",
  "DeviceCgroupRules",
  "DeviceRequests",
  "MemoryReservation",
  "MemorySwap",
  "MemorySwappiness",
  "OomKillDisable",
  "PidsLimit",
  "Ulimits",
  "CpuCount",
  "CpuPercent",
  "IOMaximumIOps",
  "IOMaximumBandwidth",
  "Init",
  "Mounts",
  "MaskedPaths",
  "ReadonlyPaths",
];

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** As `inspect` shows it: Docker's order, `null` for empty lists, nothing for what it leaves out. */
export function hostConfigToWire(config: HostConfig): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = {};
  for (const key of WIRE_ORDER) {
    const value = config[key];
    if (value === undefined) continue;
    if (!isEmpty(value)) wire[key] = value;
    else if (NULL_WHEN_EMPTY.some((name) => name === key)) wire[key] = null;
    else if (!LEFT_OUT_WHEN_EMPTY.some((name) => name === key)) wire[key] = value;
  }
  const hasOwnPaths = config.MaskedPaths.length > 0 || config.ReadonlyPaths.length > 0;
  if (config.Privileged && !hasOwnPaths) return { ...wire, MaskedPaths: null, ReadonlyPaths: null };
  return wire;
}
