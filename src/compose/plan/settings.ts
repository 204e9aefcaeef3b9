import { formatGoDuration } from "#base/durations.ts";
import type { ContainerDetails } from "#compose/observe/details.ts";
import type { Json, JsonObject } from "./json.ts";

/**
 * What a container was asked to be, in the words of a Compose file: `environment.NAME`, `ports.80/tcp`,
 * `mem_limit`. What nobody said (empty, zero, the engine's own or the image's) is not there, so that a request
 * and a container made of it say the same.
 */
export type Settings = ReadonlyMap<string, string>;

type Entry = readonly [suffix: string, text: string];
type Show = (value: Json) => readonly Entry[];

const plain: Show = (value) => [["", textOf(value)]];
const list: Show = (value) => [["", listOf(value).map(textOf).join(", ")]];
const words: Show = (value) => [["", listOf(value).map(quoted).join(" ")]];
const entries: Show = (value) =>
  Object.entries(objectOf(value)).map(([name, each]): Entry => [`.${name}`, textOf(each)]);
const assignments: Show = (value) =>
  listOf(value).map((each): Entry => {
    const text = textOf(each);
    const equals = text.indexOf("=");
    return equals === -1 ? [`.${text}`, ""] : [`.${text.slice(0, equals)}`, text.slice(equals + 1)];
  });
/** Docker keeps what was asked for, others the kernel's name. */
const capabilities: Show = (value) => [
  [
    "",
    listOf(value)
      .map((each) => textOf(each).replace(/^CAP_/, ""))
      .join(", "),
  ],
];
const duration: Show = (value) => [["", formatGoDuration(Number(value))]];
const seconds: Show = (value) => [["", `${textOf(value)}s`]];

const CONFIG: Readonly<Record<string, readonly [key: string, show: Show]>> = {
  Hostname: ["hostname", plain],
  Domainname: ["domainname", plain],
  User: ["user", plain],
  Tty: ["tty", plain],
  OpenStdin: ["stdin_open", plain],
  Env: ["environment", assignments],
  Cmd: ["command", words],
  Entrypoint: ["entrypoint", words],
  Image: ["image", plain],
  WorkingDir: ["working_dir", plain],
  Labels: ["labels", entries],
  StopSignal: ["stop_signal", plain],
  StopTimeout: ["stop_grace_period", seconds],
};

const HEALTHCHECK: Readonly<Record<string, readonly [key: string, show: Show]>> = {
  Test: ["healthcheck.test", words],
  Interval: ["healthcheck.interval", duration],
  Timeout: ["healthcheck.timeout", duration],
  Retries: ["healthcheck.retries", plain],
  StartPeriod: ["healthcheck.start_period", duration],
  StartInterval: ["healthcheck.start_interval", duration],
};

const devices: Show = (value) => [
  [
    "",
    listOf(value)
      .map(objectOf)
      .map((each) => [each["PathOnHost"], each["PathInContainer"], each["CgroupPermissions"]])
      .map((parts) => parts.map((part) => textOf(part ?? "")).join(":"))
      .join(", "),
  ],
];
const ulimits: Show = (value) =>
  listOf(value)
    .map(objectOf)
    .map((each): Entry => {
      const [name, soft, hard] = [each["Name"], each["Soft"], each["Hard"]];
      return [`.${textOf(name ?? "")}`, `${textOf(soft ?? 0)}:${textOf(hard ?? 0)}`];
    });
const restart: Show = (value) => {
  const { Name = "", MaximumRetryCount: count = 0 } = objectOf(value);
  if (Name === "no" || Name === "") return [];
  return [["", Number(count) > 0 ? `${textOf(Name)}:${textOf(count)}` : textOf(Name)]];
};
const logging: Show = (value) => {
  const { Type = "", Config = {} } = objectOf(value);
  const options = Object.entries(objectOf(Config)).map(
    ([name, each]): Entry => [`.options.${name}`, textOf(each)],
  );
  return Type === "" || (Type === "json-file" && options.length === 0)
    ? options
    : [[".driver", textOf(Type)], ...options];
};
const ports: Show = (value) =>
  Object.entries(objectOf(value)).map(([port, bindings]): Entry => {
    const texts = listOf(bindings).map((each) => {
      const { HostIp = "", HostPort = "" } = objectOf(each);
      const host = textOf(HostPort) === "" ? "any port" : textOf(HostPort);
      return HostIp === "" ? host : `${textOf(HostIp)}:${host}`;
    });
    return [`.${port}`, texts.toSorted().join(", ")];
  });

const HOST: Readonly<Record<string, readonly [key: string, show: Show]>> = {
  Tmpfs: ["tmpfs", entries],
  VolumesFrom: ["volumes_from", list],
  PortBindings: ["ports", ports],
  RestartPolicy: ["restart", restart],
  LogConfig: ["logging", logging],
  ExtraHosts: ["extra_hosts", list],
  Links: ["external_links", list],
  Memory: ["mem_limit", plain],
  MemoryReservation: ["mem_reservation", plain],
  MemorySwap: ["memswap_limit", plain],
  MemorySwappiness: ["mem_swappiness", plain],
  OomKillDisable: ["oom_kill_disable", plain],
  OomScoreAdj: ["oom_score_adj", plain],
  NanoCpus: ["cpus", (value) => [["", String(Number(value) / 1e9)]]],
  CpuShares: ["cpu_shares", plain],
  CpuPeriod: ["cpu_period", plain],
  CpuQuota: ["cpu_quota", plain],
  CpuRealtimePeriod: ["cpu_rt_period", plain],
  CpuRealtimeRuntime: ["cpu_rt_runtime", plain],
  CpusetCpus: ["cpuset", plain],
  PidsLimit: ["pids_limit", plain],
  ShmSize: ["shm_size", plain],
  Ulimits: ["ulimits", ulimits],
  Devices: ["devices", devices],
  DeviceCgroupRules: ["device_cgroup_rules", list],
  DeviceRequests: ["gpus", (value) => [["", JSON.stringify(value)]]],
  BlkioWeight: ["blkio_config.weight", plain],
  BlkioWeightDevice: ["blkio_config.weight_device", (value) => [["", JSON.stringify(value)]]],
  BlkioDeviceReadBps: ["blkio_config.device_read_bps", (value) => [["", JSON.stringify(value)]]],
  BlkioDeviceReadIOps: ["blkio_config.device_read_iops", (value) => [["", JSON.stringify(value)]]],
  BlkioDeviceWriteBps: ["blkio_config.device_write_bps", (value) => [["", JSON.stringify(value)]]],
  BlkioDeviceWriteIOps: [
    "blkio_config.device_write_iops",
    (value) => [["", JSON.stringify(value)]],
  ],
  CapAdd: ["cap_add", capabilities],
  CapDrop: ["cap_drop", capabilities],
  CgroupParent: ["cgroup_parent", plain],
  CgroupnsMode: ["cgroup", plain],
  Dns: ["dns", list],
  DnsOptions: ["dns_opt", list],
  DnsSearch: ["dns_search", list],
  GroupAdd: ["group_add", list],
  IpcMode: ["ipc", plain],
  PidMode: ["pid", plain],
  UTSMode: ["uts", plain],
  UsernsMode: ["userns_mode", plain],
  Privileged: ["privileged", plain],
  ReadonlyRootfs: ["read_only", plain],
  SecurityOpt: [
    "security_opt",
    // with a process namespace of the host's, docker adds this by itself
    (value) => list(listOf(value).filter((each) => each !== "label=disable")),
  ],
  Init: ["init", plain],
  Runtime: ["runtime", plain],
  Sysctls: ["sysctls", entries],
  StorageOpt: ["storage_opt", entries],
  Annotations: ["annotations", entries],
};

const ENDPOINT: Readonly<Record<string, readonly [key: string, show: Show]>> = {
  Aliases: ["aliases", list],
  Links: ["links", list],
  IPAMConfig: ["", entries],
  DriverOpts: ["driver_opts", entries],
  GwPriority: ["gw_priority", plain],
};

const COMPOSE_LABEL = /^com\.docker\.compose\./;

/**
 * @param body Of `POST /containers/create`.
 * @param imageConfig Of the image that it is compared with.
 */
export function settingsOfRequest(body: JsonObject, imageConfig: JsonObject): Settings {
  const hostConfig = objectOf(body["HostConfig"] ?? {});
  const networking = objectOf(body["NetworkingConfig"] ?? {});
  const endpoints = objectOf(networking["EndpointsConfig"] ?? {});
  return settingsOfContainer({ id: "", config: body, hostConfig, endpoints, imageConfig });
}

export function settingsOfContainer(details: ContainerDetails): Settings {
  const config = withoutImage(details);
  const host = withoutDefaults(details.hostConfig);
  return settings(config, host, details.endpoints);
}

function settings(config: JsonObject, host: JsonObject, endpoints: JsonObject): Settings {
  const found = new Map<string, string>();
  const show = (
    table: Readonly<Record<string, readonly [string, Show]>>,
    from: JsonObject,
    prefix = "",
  ): void => {
    for (const [field, [key, render]] of Object.entries(table)) {
      const value = from[field];
      if (value === undefined || isUnsaid(value)) continue;
      for (const [suffix, text] of render(value)) found.set(`${prefix}${key}${suffix}`, text);
    }
  };
  const labels = Object.entries(objectOf(config["Labels"] ?? {}));
  show(CONFIG, {
    ...config,
    Labels: Object.fromEntries(labels.filter(([name]) => !COMPOSE_LABEL.test(name))),
  });
  show(HEALTHCHECK, objectOf(config["Healthcheck"] ?? {}));
  show(HOST, host);
  const published = Object.keys(objectOf(host["PortBindings"] ?? {}));
  const exposed = Object.keys(objectOf(config["ExposedPorts"] ?? {}));
  const only = exposed.filter((port) => !published.includes(port)).toSorted();
  if (only.length > 0) found.set("expose", only.join(", "));
  for (const [target, text] of mounts(host)) found.set(`volumes.${target}`, text);
  const mode = textOf(host["NetworkMode"] ?? "");
  const isNamed = Object.keys(endpoints).includes(mode) && !/^(?:host|none)$/.test(mode);
  if (!isNamed) found.set("network_mode", mode);
  for (const [name, endpoint] of Object.entries(endpoints)) {
    if (!isNamed) continue;
    found.set(`networks.${name}`, "connected");
    show(ENDPOINT, objectOf(endpoint), `networks.${name}.`);
  }
  return found;
}

/** By target; where a volume has no name of its own it has none. */
function mounts(host: JsonObject): readonly (readonly [string, string])[] {
  const short = listOf(host["Binds"] ?? []).map((each): readonly [string, string] => {
    const [source = "", target = "", mode = "rw"] = textOf(each).split(":");
    return [target, `${source} (${mode})`];
  });
  const long = listOf(host["Mounts"] ?? [])
    .map(objectOf)
    .map((mount): readonly [string, string] => {
      const { Type = "", Target = "", Source = "", ReadOnly = false, ...options } = mount;
      const isAnonymous = Type === "volume" && /^(?:[0-9a-f]{64})?$/.test(textOf(Source));
      const said = Object.values(options).filter((value) => !isUnsaid(value));
      const parts = [
        isAnonymous ? "anonymous" : textOf(Source),
        ...(ReadOnly === true ? ["(ro)"] : []),
        ...said.flatMap((value) => (isObject(value) ? optionTexts(value) : [textOf(value)])),
      ];
      return [textOf(Target), [textOf(Type), ...parts].filter((part) => part !== "").join(" ")];
    });
  return [...short, ...long];
}

function optionTexts(options: JsonObject): readonly string[] {
  const said = Object.entries(options).filter(([, each]) => !isUnsaid(each));
  return said.map(([name, each]) => `${name}=${textOf(each)}`);
}

/** Leaves out what the image gives, and the names that the engine makes up. */
function withoutImage({ id, config, imageConfig, hostConfig }: ContainerDetails): JsonObject {
  const own: Record<string, Json> = {};
  const inherited = [...["User", "WorkingDir", "StopSignal"], ...["Entrypoint", "Healthcheck"]];
  const hasEntrypoint = !same(config["Entrypoint"], imageConfig["Entrypoint"]);
  for (const [field, value] of Object.entries(config)) {
    const before = imageConfig[field];
    if (inherited.includes(field) && same(value, before)) continue;
    // an entrypoint of one's own takes the image's command away
    if (field === "Cmd" && !hasEntrypoint && same(value, before)) continue;
    own[field] = value;
  }
  const mode = textOf(hostConfig["NetworkMode"] ?? "");
  if (
    (id !== "" && config["Hostname"] === id.slice(0, 12)) ||
    mode === "host" ||
    mode.startsWith("container:")
  ) {
    own["Hostname"] = "";
  }
  if (mode.startsWith("container:")) own["Domainname"] = "";
  const environment = new Set(listOf(imageConfig["Env"] ?? []).map(textOf));
  own["Env"] = listOf(config["Env"] ?? []).filter((each) => !environment.has(textOf(each)));
  const labels = objectOf(imageConfig["Labels"] ?? {});
  own["Labels"] = Object.fromEntries(
    Object.entries(objectOf(config["Labels"] ?? {})).filter(
      ([name, value]) => labels[name] !== value,
    ),
  );
  const ports = objectOf(imageConfig["ExposedPorts"] ?? {});
  own["ExposedPorts"] = Object.fromEntries(
    Object.entries(objectOf(config["ExposedPorts"] ?? {})).filter(([port]) => !(port in ports)),
  );
  return own;
}

const DEFAULTS: Readonly<Record<string, readonly Json[]>> = {
  ShmSize: [64 * 1024 * 1024],
  IpcMode: ["private", "shareable"],
  CgroupnsMode: ["private", "host"],
  MemorySwappiness: [-1],
  PidsLimit: [-1],
};

/** Leaves out what the engine fills in by itself. */
function withoutDefaults(host: JsonObject): JsonObject {
  const own: Record<string, Json> = {};
  for (const [field, value] of Object.entries(host)) {
    if (DEFAULTS[field]?.includes(value)) continue;
    // twice the memory, where it was not said
    if (field === "MemorySwap" && value === Number(host["Memory"]) * 2) continue;
    own[field] = value;
  }
  return own;
}

/** What an engine takes as not said. */
function isUnsaid(value: Json): boolean {
  if (value === null || value === "" || value === false || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.values(value).every(isUnsaidButPresent);
}

/** `{"80/tcp": {}}` says something. */
function isUnsaidButPresent(value: Json): boolean {
  return value === null || value === "" || value === false || value === 0;
}

function same(left: Json | undefined, right: Json | undefined): boolean {
  return JSON.stringify(left ?? null) === JSON.stringify(right ?? null);
}

function listOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: Json): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: Json): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function quoted(value: Json): string {
  const text = textOf(value);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : JSON.stringify(text);
}
