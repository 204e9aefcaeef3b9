import type { DeviceRequest, HostConfig, ThrottleDevice } from "#spec/engine-api/host-config.ts";
import { deviceWord, hasOpenPaths, publishedPort, restartWord, tmpfsWord } from "./host-flags.ts";
import { formatBytes, formatNanoCpus } from "./words.ts";
import { isList, isMap, type YamlValue } from "./yaml.ts";

type Service = { readonly [key: string]: YamlValue | undefined };
type Printer<Value> = (value: Value, host: HostConfig) => Service;
type Printers = {
  readonly [Field in keyof Required<HostConfig>]: Printer<Required<HostConfig>[Field]>;
};

/** For fields that are said elsewhere, or that nobody asks for. */
const nothing = (): Service => ({});

const same =
  (key: string): Printer<string | number | boolean | null> =>
  (value) => ({
    [key]: value ?? undefined,
  });
const bytes =
  (key: string): Printer<number> =>
  (value) => ({ [key]: formatBytes(value) });
const list =
  (key: string): Printer<readonly string[]> =>
  (values) => ({ [key]: values });
const map =
  (key: string): Printer<Readonly<Record<string, string>>> =>
  (value) => ({ [key]: value });
const rates =
  (key: string): Printer<readonly ThrottleDevice[]> =>
  (values) => ({
    blkio_config: { [key]: values.map(({ Path, Rate }) => ({ path: Path, rate: Rate })) },
  });

const printers: Printers = {
  Annotations: map("annotations"),
  AutoRemove: nothing,
  Binds: nothing,
  BlkioDeviceReadBps: rates("device_read_bps"),
  BlkioDeviceReadIOps: rates("device_read_iops"),
  BlkioDeviceWriteBps: rates("device_write_bps"),
  BlkioDeviceWriteIOps: rates("device_write_iops"),
  BlkioWeight: (weight) => ({ blkio_config: { weight } }),
  BlkioWeightDevice: (values) => ({
    blkio_config: {
      weight_device: values.map(({ Path, Weight }) => ({ path: Path, weight: Weight })),
    },
  }),
  CapAdd: list("cap_add"),
  CapDrop: list("cap_drop"),
  Cgroup: nothing,
  CgroupParent: same("cgroup_parent"),
  CgroupnsMode: same("cgroup"),
  ConsoleSize: nothing,
  ContainerIDFile: nothing,
  CpuCount: same("cpu_count"),
  CpuPercent: same("cpu_percent"),
  CpuPeriod: same("cpu_period"),
  CpuQuota: same("cpu_quota"),
  CpuRealtimePeriod: same("cpu_rt_period"),
  CpuRealtimeRuntime: same("cpu_rt_runtime"),
  CpuShares: same("cpu_shares"),
  CpusetCpus: same("cpuset"),
  CpusetMems: nothing,
  DeviceCgroupRules: list("device_cgroup_rules"),
  DeviceRequests: (values) => ({ gpus: values.filter(isGpuRequest).map(gpuRequest) }),
  Devices: (values, host) => ({
    devices: [
      ...values.map(deviceWord),
      ...host.DeviceRequests.filter(({ Driver }) => Driver === "cdi").flatMap(
        ({ DeviceIDs }) => DeviceIDs,
      ),
    ],
  }),
  Dns: list("dns"),
  DnsOptions: list("dns_opt"),
  DnsSearch: list("dns_search"),
  ExtraHosts: list("extra_hosts"),
  GroupAdd: list("group_add"),
  IOMaximumBandwidth: nothing,
  IOMaximumIOps: nothing,
  Init: same("init"),
  IpcMode: same("ipc"),
  Isolation: same("isolation"),
  Links: list("external_links"),
  LogConfig: ({ Type, Config }) => ({ logging: { driver: Type, options: { ...Config } } }),
  MaskedPaths: (_, host) =>
    hasOpenPaths(host) ? { security_opt: ["systempaths=unconfined"] } : {},
  Memory: bytes("mem_limit"),
  MemoryReservation: bytes("mem_reservation"),
  MemorySwap: (value) => ({ memswap_limit: value < 0 ? value : formatBytes(value) }),
  MemorySwappiness: same("mem_swappiness"),
  Mounts: nothing,
  NanoCpus: (value) => ({ cpus: Number(formatNanoCpus(value)) }),
  NetworkMode: nothing,
  OomKillDisable: same("oom_kill_disable"),
  OomScoreAdj: same("oom_score_adj"),
  PidMode: same("pid"),
  PidsLimit: same("pids_limit"),
  PortBindings: (value) => ({
    ports: Object.entries(value).flatMap(([port, bindings]) =>
      bindings.map((binding) => publishedPort(port, binding)),
    ),
  }),
  Privileged: same("privileged"),
  PublishAllPorts: nothing,
  ReadonlyPaths: nothing,
  ReadonlyRootfs: same("read_only"),
  RestartPolicy: (value) => ({ restart: restartWord(value) }),
  Runtime: same("runtime"),
  SecurityOpt: (values) => ({ security_opt: values.filter((value) => !isProfileText(value)) }),
  ShmSize: bytes("shm_size"),
  StorageOpt: map("storage_opt"),
  Sysctls: map("sysctls"),
  Tmpfs: (value) => ({
    tmpfs: Object.entries(value).map(([target, options]) => tmpfsWord(target, options)),
  }),
  UTSMode: same("uts"),
  Ulimits: (values) => ({
    ulimits: Object.fromEntries(
      (values ?? []).map(({ Name, Soft, Hard }) => [Name, { soft: Soft, hard: Hard }]),
    ),
  }),
  UsernsMode: same("userns_mode"),
  VolumeDriver: nothing,
  VolumesFrom: (values) => ({ volumes_from: values.map((one) => `container:${one}`) }),
};

/** Fields that a Compose file has no key for, by the flag that makes them. */
const UNSAID: ReadonlyMap<keyof HostConfig, string> = new Map([
  ["AutoRemove", "--rm"],
  ["CpusetMems", "--cpuset-mems"],
  ["IOMaximumBandwidth", "--io-maxbandwidth"],
  ["IOMaximumIOps", "--io-maxiops"],
  ["PublishAllPorts", "--publish-all"],
  ["VolumeDriver", "--volume-driver"],
] as const);

export function composeHostRemarks(
  host: HostConfig,
  fields: readonly (keyof HostConfig)[],
): readonly string[] {
  const profiles = host.SecurityOpt.filter(isProfileText);
  return [
    ...fields.flatMap((field) => UNSAID.get(field) ?? []),
    ...profiles.map(() => "the text of its seccomp profile: write it to a file for security_opt"),
  ];
}

/** Compose reads the profile from a file, and sends its text. */
function isProfileText(option: string): boolean {
  return /^seccomp[=:]\{/.test(option);
}

/** The keys of a service for those fields; what several fields say together is merged. */
export function composeHost(host: HostConfig, fields: readonly (keyof HostConfig)[]): Service {
  const service: Record<string, YamlValue | undefined> = {};
  const all = host.DeviceRequests.length > 0 ? [...fields, "Devices" as const] : fields;
  for (const field of new Set(all)) {
    for (const [key, value] of Object.entries(printField(field, host))) {
      service[key] = merge(service[key], value);
    }
  }
  return service;
}

function printField<Field extends keyof HostConfig>(field: Field, host: HostConfig): Service {
  const value = host[field];
  return value === undefined ? {} : printers[field](value as Required<HostConfig>[Field], host);
}

function merge(before: YamlValue | undefined, value: YamlValue | undefined): YamlValue | undefined {
  if (before === undefined || value === undefined) return value;
  if (isList(before) && isList(value)) return [...before, ...value];
  if (isMap(before) && isMap(value)) return { ...before, ...value };
  return value;
}

function isGpuRequest({ Driver, Capabilities }: DeviceRequest): boolean {
  return Driver !== "cdi" && (Capabilities[0] ?? []).includes("gpu");
}

function gpuRequest(request: DeviceRequest): YamlValue {
  return {
    driver: request.Driver || undefined,
    device_ids: request.DeviceIDs,
    count: request.DeviceIDs.length > 0 ? undefined : request.Count === -1 ? "all" : request.Count,
    capabilities: (request.Capabilities[0] ?? []).filter((name) => name !== "gpu"),
    options: { ...request.Options },
  };
}
