import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { parseCapability } from "./capabilities.ts";
import {
  type ContainerDefaults,
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  type HostConfig,
  joinedContainer,
  type LogConfig,
  type PortBinding,
  type RestartPolicy,
  type RestartPolicyName,
  splitExtraHost,
} from "./host-config.ts";
import {
  checkTmpfsOption,
  parseBindSpec,
  parseMountTarget,
  parseVolumesFrom,
  readMount,
} from "./mount.ts";
import { formatContainerPort, parseContainerPort, tryParsePortRange } from "./port-spec.ts";
import { checkResources, readResources } from "./resources.ts";

const RESTART_POLICIES: readonly RestartPolicyName[] = [
  "no",
  "always",
  "on-failure",
  "unless-stopped",
];

/** @throws {InvalidArgumentError} With Docker's texts. */
export function readRestartPolicy(reader: JsonReader | undefined): RestartPolicy {
  const text = reader?.string("Name", "container.RestartPolicyMode") || "no";
  const retries = reader?.integer("MaximumRetryCount", "int") ?? 0;
  const fail = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid restart policy: ${reason}`);
  const name = RESTART_POLICIES.find((policy) => policy === text);
  if (name === undefined) {
    throw fail(
      `unknown policy '${text}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (name !== "on-failure" && retries !== 0) {
    throw fail(
      `maximum retry count can only be used with 'on-failure'${retries < 0 ? " and cannot be negative" : ""}`,
    );
  }
  if (retries < 0) throw fail("maximum retry count cannot be negative");
  return { Name: name, MaximumRetryCount: retries };
}

function readLogConfig(reader: JsonReader | undefined, fallback: LogConfig): LogConfig {
  const type = reader?.string("Type") ?? "";
  const config = reader?.stringMap("Config") ?? {};
  // options for the engine's default driver merge with the engine's own for that driver
  if (type === "" || type === fallback.Type) {
    return { Type: fallback.Type, Config: { ...fallback.Config, ...config } };
  }
  return { Type: type, Config: config };
}

/** @param field Key of the map in the request. */
export function readPortBindings(
  reader: JsonReader,
  field: string,
): Readonly<Record<string, readonly PortBinding[]>> {
  const bindings = new Map<string, PortBinding[]>();
  for (const [key, value] of reader.entries(field, "nat.PortMap") ?? []) {
    const port = formatContainerPort(parseContainerPort(key));
    if (value !== null && !Array.isArray(value)) {
      throw reader.mismatch(value, `${field}.${key}`, "[]nat.PortBinding");
    }
    const items: readonly unknown[] = value ?? [];
    const list = items.map((item, index) =>
      readPortBinding(reader.child(item ?? {}, `${field}.${key}.${index}`)),
    );
    bindings.set(port, [...(bindings.get(port) ?? []), ...list]);
  }
  return Object.fromEntries(bindings);
}

function readPortBinding(reader: JsonReader): PortBinding {
  const hostIp = reader.string("HostIp") ?? "";
  const hostPort = reader.string("HostPort") ?? "";
  if (hostIp !== "" && !isIpAddress(hostIp)) {
    throw new InvalidArgumentError(`invalid IP address: ${hostIp}`);
  }
  if (hostPort !== "" && !tryParsePortRange(hostPort)) {
    throw new InvalidArgumentError(`invalid port specification: ${JSON.stringify(hostPort)}`);
  }
  return { HostIp: hostIp, HostPort: hostPort };
}

function readNetworkMode(reader: JsonReader): string {
  const mode = reader.string("NetworkMode", "container.NetworkMode") ?? "";
  if (mode === "" || mode === "default") return "bridge";
  if (joinedContainer(mode) === "") {
    throw new InvalidArgumentError(
      "invalid network mode: invalid container format container:<name|id>",
    );
  }
  return mode;
}

function readIpcMode(reader: JsonReader, fallback: string): string {
  const mode = reader.string("IpcMode", "container.IpcMode") || fallback;
  const isKnown = ["none", "host", "private", "shareable"].includes(mode) || joinedContainer(mode);
  if (!isKnown) throw new InvalidArgumentError(`invalid IPC mode: ${mode}`);
  return mode;
}

function readPidMode(reader: JsonReader): string {
  const mode = reader.string("PidMode", "container.PidMode") ?? "";
  if (mode !== "" && mode !== "host" && !joinedContainer(mode)) {
    throw new InvalidArgumentError(`invalid PID mode: ${mode}`);
  }
  return mode;
}

function readHostOrEmpty(reader: JsonReader, key: string, noun: string): "" | "host" {
  const mode = reader.string(key) ?? "";
  if (mode !== "" && mode !== "host")
    throw new InvalidArgumentError(`invalid ${noun} mode: ${mode}`);
  return mode;
}

function readCgroupnsMode(reader: JsonReader, fallback: "host" | "private"): "host" | "private" {
  const mode = reader.string("CgroupnsMode", "container.CgroupnsMode") || fallback;
  if (mode !== "host" && mode !== "private") {
    throw new InvalidArgumentError(`invalid cgroup namespace mode: ${mode}`);
  }
  return mode;
}

function readIsolation(reader: JsonReader): string {
  const isolation = reader.string("Isolation", "container.Isolation") ?? "";
  if (isolation !== "" && isolation !== "default") {
    throw new InvalidArgumentError(
      `invalid isolation (${isolation}): linux only supports 'default'`,
    );
  }
  return isolation;
}

function readCapabilities(reader: JsonReader, key: "CapAdd" | "CapDrop"): readonly string[] {
  try {
    return [...new Set((reader.stringOrStrings(key) ?? []).map(parseCapability))].sort();
  } catch (cause) {
    if (cause instanceof InvalidArgumentError && cause.message.startsWith("unknown")) {
      throw new InvalidArgumentError(`invalid ${key}: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

function readExtraHosts(reader: JsonReader): readonly string[] {
  const hosts = reader.strings("ExtraHosts") ?? [];
  for (const entry of hosts) {
    const { host, address } = splitExtraHost(entry);
    const bare = address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
    if (bare !== "host-gateway" && !isIpAddress(bare)) {
      throw new InvalidArgumentError(`invalid IP address in add-host: ${JSON.stringify(address)}`);
    }
    // the name becomes a word of a line in /etc/hosts
    if (/[\s#\0]/.test(host)) {
      throw new InvalidArgumentError(`bad format for add-host: ${JSON.stringify(entry)}`);
    }
  }
  return hosts;
}

/** Words of a line of `/etc/resolv.conf`: no blank, no line end may slip in. */
function readResolverWords(reader: JsonReader, key: "DnsOptions" | "DnsSearch"): readonly string[] {
  const words = reader.strings(key) ?? [];
  for (const word of words) {
    if (/[\s\0]/.test(word)) {
      throw new InvalidArgumentError(
        `invalid value in ${key}: ${JSON.stringify(word)} has a blank`,
      );
    }
  }
  return words;
}

function readDns(reader: JsonReader): readonly string[] {
  const servers = reader.strings("Dns") ?? [];
  for (const server of servers) {
    if (!isIpAddress(server)) {
      throw new InvalidArgumentError(`IP address is not correctly formatted: ${server}`);
    }
  }
  return servers;
}

function readLinks(reader: JsonReader): readonly string[] {
  const links = reader.strings("Links") ?? [];
  for (const link of links) {
    if (link === "") throw new InvalidArgumentError("empty string specified for links");
    if (link.split(":").length > 2) throw new InvalidArgumentError(`bad format for links: ${link}`);
  }
  return links;
}

const SECURITY_KEYS: ReadonlySet<string> = new Set([
  "label",
  "apparmor",
  "seccomp",
  "no-new-privileges",
  "writable-cgroups",
]);

function readSecurityOptions(reader: JsonReader): readonly string[] {
  const options = reader.strings("SecurityOpt") ?? [];
  for (const option of options) {
    if (option === "no-new-privileges" || option === "writable-cgroups") continue;
    const match = /^([^=:]+)[=:]([\s\S]*)$/.exec(option);
    const [, key = "", value = ""] = match ?? [];
    if (!match)
      throw new InvalidArgumentError(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    const isSwitch = key === "no-new-privileges" || key === "writable-cgroups";
    const isSwitchValue = /^(?:1|0|t|f|true|false)$/i.test(value);
    if (!SECURITY_KEYS.has(key) || (isSwitch && !isSwitchValue)) {
      throw new InvalidArgumentError(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return options;
}

function readTmpfs(reader: JsonReader): Readonly<Record<string, string>> {
  const entries = Object.entries(reader.stringMap("Tmpfs") ?? {});
  return Object.fromEntries(
    entries.map(([target, options]): [string, string] => {
      for (const option of options === "" ? [] : options.split(",")) {
        checkTmpfsWord(option);
      }
      return [parseMountTarget(target), options];
    }),
  );
}

const PROPAGATION_WORDS = /^r?(?:shared|slave|private|unbindable)$/;

function checkTmpfsWord(option: string): void {
  if (PROPAGATION_WORDS.test(option)) return;
  const name = option.split("=", 1)[0] ?? "";
  checkTmpfsOption(name, `invalid tmpfs option ${JSON.stringify(name)}`);
}

function readAnnotations(reader: JsonReader): Readonly<Record<string, string>> {
  const annotations = reader.stringMap("Annotations") ?? {};
  if (Object.hasOwn(annotations, "")) {
    throw new InvalidArgumentError(
      "invalid Annotations: the empty string is not permitted as an annotation key",
    );
  }
  return annotations;
}

function readConsoleSize(reader: JsonReader): readonly [number, number] {
  const sizes = (reader.array("ConsoleSize", "[2]uint") ?? []).map((size, index) => {
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size > 65535) {
      throw reader.mismatch(size, `ConsoleSize.${index}`, "uint");
    }
    return size;
  });
  return [sizes[0] ?? 0, sizes[1] ?? 0];
}

function readShmSize(reader: JsonReader, fallback: number): number {
  const size = reader.integer("ShmSize") ?? 0;
  if (size < 0) throw new InvalidArgumentError("SHM size can not be less than 0");
  return size === 0 ? fallback : size;
}

function readOomScore(reader: JsonReader): number {
  const score = reader.integer("OomScoreAdj", "int") ?? 0;
  if (score < -1000 || score > 1000) {
    throw new InvalidArgumentError(
      `Invalid value ${score}, range for oom score adj is [-1000, 1000]`,
    );
  }
  return score;
}

const IPC_SYSCTLS: ReadonlySet<string> = new Set(
  "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced".split(
    " ",
  ),
);

function checkSysctls(config: HostConfig): void {
  for (const name of Object.keys(config.Sysctls)) {
    const key = name.replaceAll("/", ".");
    if (IPC_SYSCTLS.has(key) || key.startsWith("fs.mqueue.")) {
      if (config.IpcMode === "host") {
        throw new InvalidArgumentError(
          `sysctl ${JSON.stringify(name)} is not allowed in the host IPC namespace`,
        );
      }
    } else if (key.startsWith("net.")) {
      if (config.NetworkMode === "host") {
        throw new InvalidArgumentError(
          `sysctl ${JSON.stringify(name)} not allowed in host network namespace`,
        );
      }
    } else if (key !== "kernel.domainname" && key !== "kernel.hostname") {
      throw new InvalidArgumentError(
        `sysctl ${JSON.stringify(name)} is not in a separate kernel namespace`,
      );
    } else if (config.UTSMode === "host") {
      throw new InvalidArgumentError(
        `sysctl ${JSON.stringify(name)} is not allowed in the host UTS namespace`,
      );
    }
  }
}

/** Targets of `-v`, `--mount` and `--tmpfs` must differ. */
function checkMountPoints(config: HostConfig): void {
  const targets = [
    ...config.Binds.map((bind) => parseBindSpec(bind).target),
    ...config.Mounts.map((mount) => parseMountTarget(mount.Target)),
    ...Object.keys(config.Tmpfs),
  ];
  const seen = new Set<string>();
  for (const target of targets) {
    if (seen.has(target)) throw new InvalidArgumentError(`Duplicate mount point: ${target}`);
    seen.add(target);
  }
}

function paths(
  reader: JsonReader,
  key: string,
  fallback: readonly string[],
  isPrivileged: boolean,
): readonly string[] {
  return reader.strings(key) ?? (isPrivileged ? [] : fallback);
}

/**
 * Reads `HostConfig` of a create request and fills in every default.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function readHostConfig(reader: JsonReader, defaults: ContainerDefaults): HostConfig {
  const resources = readResources(reader);
  const init = reader.boolean("Init");
  const privileged = reader.boolean("Privileged") ?? false;
  const config: HostConfig = {
    ...resources,
    // Docker's rule: as much swap as memory, where only memory is limited
    MemorySwap:
      resources.Memory > 0 && resources.MemorySwap === 0
        ? resources.Memory * 2
        : resources.MemorySwap,
    PidsLimit: resources.PidsLimit !== null && resources.PidsLimit > 0 ? resources.PidsLimit : null,
    Binds: reader.strings("Binds") ?? [],
    ContainerIDFile: reader.string("ContainerIDFile") ?? "",
    LogConfig: readLogConfig(reader.object("LogConfig"), defaults.logConfig),
    NetworkMode: readNetworkMode(reader),
    PortBindings: readPortBindings(reader, "PortBindings"),
    RestartPolicy: readRestartPolicy(reader.object("RestartPolicy")),
    AutoRemove: reader.boolean("AutoRemove") ?? false,
    VolumeDriver: reader.string("VolumeDriver") ?? "",
    VolumesFrom: reader.strings("VolumesFrom") ?? [],
    ConsoleSize: readConsoleSize(reader),
    Annotations: readAnnotations(reader),
    CapAdd: readCapabilities(reader, "CapAdd"),
    CapDrop: readCapabilities(reader, "CapDrop"),
    CgroupnsMode: readCgroupnsMode(reader, privileged ? "host" : defaults.cgroupnsMode),
    Dns: readDns(reader),
    DnsOptions: readResolverWords(reader, "DnsOptions"),
    DnsSearch: readResolverWords(reader, "DnsSearch"),
    ExtraHosts: readExtraHosts(reader),
    GroupAdd: reader.strings("GroupAdd") ?? [],
    IpcMode: readIpcMode(reader, defaults.ipcMode),
    Cgroup: reader.string("Cgroup", "container.CgroupSpec") ?? "",
    Links: readLinks(reader),
    OomScoreAdj: readOomScore(reader),
    PidMode: readPidMode(reader),
    Privileged: privileged,
    PublishAllPorts: reader.boolean("PublishAllPorts") ?? false,
    ReadonlyRootfs: reader.boolean("ReadonlyRootfs") ?? false,
    SecurityOpt: readSecurityOptions(reader),
    StorageOpt: reader.stringMap("StorageOpt") ?? {},
    Tmpfs: readTmpfs(reader),
    UTSMode: readHostOrEmpty(reader, "UTSMode", "UTS"),
    UsernsMode: readHostOrEmpty(reader, "UsernsMode", "user namespace"),
    ShmSize: readShmSize(reader, defaults.shmSizeBytes),
    Sysctls: reader.stringMap("Sysctls") ?? {},
    Runtime: reader.string("Runtime") || defaults.runtime,
    Isolation: readIsolation(reader),
    ...(init === undefined ? {} : { Init: init }),
    Mounts: (reader.objects("Mounts") ?? []).map(readMount),
    MaskedPaths: paths(reader, "MaskedPaths", DEFAULT_MASKED_PATHS, privileged),
    ReadonlyPaths: paths(reader, "ReadonlyPaths", DEFAULT_READONLY_PATHS, privileged),
  };
  checkResources(config, { cpuCount: defaults.cpuCount });
  for (const from of config.VolumesFrom) parseVolumesFrom(from);
  checkMountPoints(config);
  checkSysctls(config);
  if (config.AutoRemove && config.RestartPolicy.Name !== "no") {
    throw new InvalidArgumentError("can't create 'AutoRemove' container with restart policy");
  }
  return config;
}
