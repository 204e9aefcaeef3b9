import type {
  DeviceMapping,
  DeviceRequest,
  HostConfig,
  PortBinding,
  RestartPolicy,
  ThrottleDevice,
} from "#spec/engine-api/host-config.ts";
import { mountFlag } from "./mount-flag.ts";
import { csvLine, formatBytes, formatNanoCpus, pairs, repeated, type Word } from "./words.ts";

type Printer<Value> = (value: Value, host: HostConfig) => readonly Word[];
type Printers = {
  readonly [Field in keyof Required<HostConfig>]: Printer<Required<HostConfig>[Field]>;
};

/** For fields that are said elsewhere, or that no flag makes. */
const nothing = (): readonly Word[] => [];

const text =
  (flag: string): Printer<string | number | null> =>
  (value) =>
    value === null ? [] : [flag, String(value)];
const bytes =
  (flag: string): Printer<number> =>
  (value) => [flag, formatBytes(value)];
const list =
  (flag: string): Printer<readonly string[]> =>
  (values) =>
    repeated(flag, values);
const map =
  (flag: string): Printer<Readonly<Record<string, string>>> =>
  (value) =>
    pairs(flag, value);
const bool =
  (flag: string): Printer<boolean> =>
  (value) =>
    value ? [flag] : [`${flag}=false`];
const rates =
  (flag: string): Printer<readonly ThrottleDevice[]> =>
  (values) =>
    repeated(
      flag,
      values.map(({ Path, Rate }) => `${Path}:${Rate}`),
    );

const printers: Printers = {
  Annotations: map("--annotation"),
  AutoRemove: bool("--rm"),
  Binds: list("-v"),
  BlkioDeviceReadBps: rates("--device-read-bps"),
  BlkioDeviceReadIOps: rates("--device-read-iops"),
  BlkioDeviceWriteBps: rates("--device-write-bps"),
  BlkioDeviceWriteIOps: rates("--device-write-iops"),
  BlkioWeight: text("--blkio-weight"),
  BlkioWeightDevice: (values) =>
    repeated(
      "--blkio-weight-device",
      values.map(({ Path, Weight }) => `${Path}:${Weight}`),
    ),
  CapAdd: list("--cap-add"),
  CapDrop: list("--cap-drop"),
  Cgroup: nothing,
  CgroupParent: text("--cgroup-parent"),
  CgroupnsMode: text("--cgroupns"),
  ConsoleSize: nothing,
  ContainerIDFile: nothing,
  CpuCount: text("--cpu-count"),
  CpuPercent: text("--cpu-percent"),
  CpuPeriod: text("--cpu-period"),
  CpuQuota: text("--cpu-quota"),
  CpuRealtimePeriod: text("--cpu-rt-period"),
  CpuRealtimeRuntime: text("--cpu-rt-runtime"),
  CpuShares: text("--cpu-shares"),
  CpusetCpus: text("--cpuset-cpus"),
  CpusetMems: text("--cpuset-mems"),
  DeviceCgroupRules: list("--device-cgroup-rule"),
  DeviceRequests: (values) => values.flatMap(deviceRequestWords),
  Devices: (values) => repeated("--device", values.map(deviceWord)),
  Dns: list("--dns"),
  DnsOptions: list("--dns-option"),
  DnsSearch: list("--dns-search"),
  ExtraHosts: list("--add-host"),
  GroupAdd: list("--group-add"),
  IOMaximumBandwidth: bytes("--io-maxbandwidth"),
  IOMaximumIOps: text("--io-maxiops"),
  Init: bool("--init"),
  IpcMode: text("--ipc"),
  Isolation: text("--isolation"),
  Links: list("--link"),
  LogConfig: ({ Type, Config }) => ["--log-driver", Type, ...pairs("--log-opt", Config)],
  MaskedPaths: (_, host) =>
    hasOpenPaths(host) ? ["--security-opt", "systempaths=unconfined"] : [],
  Memory: bytes("--memory"),
  MemoryReservation: bytes("--memory-reservation"),
  MemorySwap: bytes("--memory-swap"),
  MemorySwappiness: text("--memory-swappiness"),
  Mounts: (values) => repeated("--mount", values.map(mountFlag)),
  NanoCpus: (value) => ["--cpus", formatNanoCpus(value)],
  NetworkMode: nothing,
  OomKillDisable: bool("--oom-kill-disable"),
  OomScoreAdj: text("--oom-score-adj"),
  PidMode: text("--pid"),
  PidsLimit: text("--pids-limit"),
  PortBindings: (value) =>
    Object.entries(value).flatMap(([port, bindings]) =>
      repeated(
        "-p",
        bindings.map((binding) => publishedPort(port, binding)),
      ),
    ),
  Privileged: bool("--privileged"),
  PublishAllPorts: bool("--publish-all"),
  ReadonlyPaths: nothing,
  ReadonlyRootfs: bool("--read-only"),
  RestartPolicy: (value) => ["--restart", restartWord(value)],
  Runtime: text("--runtime"),
  SecurityOpt: (values) => repeated("--security-opt", values.map(securityWord)),
  ShmSize: bytes("--shm-size"),
  StorageOpt: map("--storage-opt"),
  Sysctls: map("--sysctl"),
  Tmpfs: (value) =>
    repeated(
      "--tmpfs",
      Object.entries(value).map(([target, options]) => tmpfsWord(target, options)),
    ),
  UTSMode: text("--uts"),
  Ulimits: (values) =>
    repeated(
      "--ulimit",
      (values ?? []).map(({ Name, Soft, Hard }) => `${Name}=${limits(Soft, Hard)}`),
    ),
  UsernsMode: text("--userns"),
  VolumeDriver: text("--volume-driver"),
  VolumesFrom: list("--volumes-from"),
};

/** The flags for those fields, in the order of the alphabet of the fields. */
export function hostFlags(
  host: HostConfig,
  fields: readonly (keyof HostConfig)[],
): readonly Word[] {
  return Object.keys(printers)
    .filter((field): field is keyof HostConfig => fields.some((own) => own === field))
    .flatMap((field) => printField(field, host));
}

function printField<Field extends keyof HostConfig>(
  field: Field,
  host: HostConfig,
): readonly Word[] {
  const value = host[field];
  return value === undefined ? [] : printers[field](value as Required<HostConfig>[Field], host);
}

/** `systempaths=unconfined` takes the defaults away; a list of one's own has no flag. */
export function hasOpenPaths(host: HostConfig): boolean {
  return !host.Privileged && host.MaskedPaths.length === 0 && host.ReadonlyPaths.length === 0;
}

export function tmpfsWord(target: string, options: string): string {
  return options === "" ? target : `${target}:${options}`;
}

function limits(soft: number, hard: number): string {
  return soft === hard ? String(soft) : `${soft}:${hard}`;
}

export function restartWord({ Name, MaximumRetryCount }: RestartPolicy): string {
  return MaximumRetryCount > 0 ? `${Name}:${MaximumRetryCount}` : Name;
}

/** `127.0.0.1:8080:80/udp` */
export function publishedPort(port: string, { HostIp, HostPort }: PortBinding): string {
  const inside = port.replace(/\/tcp$/, "");
  const address = HostIp.includes(":") ? `[${HostIp}]` : HostIp;
  if (address !== "") return `${address}:${HostPort}:${inside}`;
  return HostPort === "" ? inside : `${HostPort}:${inside}`;
}

export function deviceWord({
  PathOnHost,
  PathInContainer,
  CgroupPermissions,
}: DeviceMapping): string {
  if (CgroupPermissions !== "rwm") return `${PathOnHost}:${PathInContainer}:${CgroupPermissions}`;
  return PathOnHost === PathInContainer ? PathOnHost : `${PathOnHost}:${PathInContainer}`;
}

function deviceRequestWords(request: DeviceRequest): readonly Word[] {
  if (request.Driver === "cdi") return repeated("--device", request.DeviceIDs);
  const capabilities = (request.Capabilities[0] ?? []).filter((name) => name !== "gpu");
  const options = Object.entries(request.Options).map(([key, value]) => `${key}=${value}`);
  const fields = [
    ...(request.Driver === "" ? [] : [`driver=${request.Driver}`]),
    ...(request.DeviceIDs.length > 0
      ? [`device=${request.DeviceIDs.join(",")}`]
      : [`count=${request.Count === -1 ? "all" : request.Count}`]),
    ...(capabilities.length > 0 ? [`capabilities=${capabilities.join(",")}`] : []),
    ...(options.length > 0 ? [`options=${csvLine(options)}`] : []),
  ];
  return ["--gpus", csvLine(fields)];
}

/** A profile is a file of the client's, and the engine knows its text. */
function securityWord(option: string): Word {
  const profile = /^seccomp[=:](\{.*)$/s.exec(option)?.[1];
  return profile === undefined ? option : { before: "seccomp=", content: profile };
}
