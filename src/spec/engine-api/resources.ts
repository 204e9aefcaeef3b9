import { InvalidArgumentError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { cleanPath } from "#base/posix-path.ts";
import type {
  DeviceMapping,
  DeviceRequest,
  Resources,
  ThrottleDevice,
  Ulimit,
  WeightDevice,
} from "./host-config.ts";
import { type ApiVersion, isAtLeast } from "./version.ts";

const MEMORY_MIN_BYTES = 6 * 1024 * 1024;
const ULIMITS: ReadonlySet<string> = new Set(
  (
    "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime " +
    "sigpending stack"
  ).split(" "),
);

function readWeightDevices(reader: JsonReader): readonly WeightDevice[] {
  return (reader.objects("BlkioWeightDevice") ?? []).map((device) => ({
    Path: device.string("Path") ?? "",
    Weight: device.integer("Weight", "uint16") ?? 0,
  }));
}

function readThrottles(reader: JsonReader, key: string): readonly ThrottleDevice[] {
  return (reader.objects(key) ?? []).map((device) => ({
    Path: device.string("Path") ?? "",
    Rate: device.integer("Rate", "uint64") ?? 0,
  }));
}

function readDevices(reader: JsonReader): readonly DeviceMapping[] {
  return (reader.objects("Devices") ?? []).map((device) => {
    const path = device.string("PathOnHost") ?? "";
    const permissions = device.string("CgroupPermissions") || "rwm";
    const inside = device.string("PathInContainer") || path;
    if (!path.startsWith("/")) {
      throw new InvalidArgumentError(`${path || '""'} is not an absolute path`);
    }
    if (!inside.startsWith("/")) {
      throw new InvalidArgumentError(`${inside} is not an absolute path`);
    }
    if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) {
      throw new InvalidArgumentError(`invalid device mode: ${permissions}`);
    }
    return { PathOnHost: path, PathInContainer: inside, CgroupPermissions: permissions };
  });
}

function readDeviceRules(reader: JsonReader): readonly string[] {
  const rules = reader.strings("DeviceCgroupRules") ?? [];
  for (const rule of rules) {
    if (!/^[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}$/.test(rule)) {
      throw new InvalidArgumentError(`invalid device cgroup rule format: '${rule}'`);
    }
  }
  return rules;
}

function readDeviceRequests(reader: JsonReader): readonly DeviceRequest[] {
  return (reader.objects("DeviceRequests") ?? []).map((request) => ({
    Driver: request.string("Driver") ?? "",
    Count: request.integer("Count", "int") ?? 0,
    DeviceIDs: request.strings("DeviceIDs") ?? [],
    Capabilities: (request.array("Capabilities", "[][]string") ?? []).map((group, index) => {
      const words: readonly unknown[] = Array.isArray(group) ? group : [];
      const names = words.filter((word): word is string => typeof word === "string");
      if (!Array.isArray(group) || names.length !== words.length) {
        throw request.mismatch(group, `Capabilities.${index}`, "[]string");
      }
      return names;
    }),
    Options: request.stringMap("Options") ?? {},
  }));
}

function readUlimits(reader: JsonReader): readonly Ulimit[] | null {
  const limits = reader.objects("Ulimits");
  if (limits === undefined) return null;
  return limits.map((limit) => {
    const ulimit: Ulimit = {
      Name: limit.string("Name") ?? "",
      Hard: limit.integer("Hard") ?? 0,
      Soft: limit.integer("Soft") ?? 0,
    };
    if (!ULIMITS.has(ulimit.Name)) {
      throw new InvalidArgumentError(`invalid ulimit type: ${ulimit.Name}`);
    }
    const { Soft: soft, Hard: hard } = ulimit;
    // -1 is no limit and so above all others
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw new InvalidArgumentError(
        `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      );
    }
    return ulimit;
  });
}

function swappiness(reader: JsonReader): number | null {
  const value = reader.integer("MemorySwappiness") ?? -1;
  if (value < -1 || value > 100) {
    throw new InvalidArgumentError(
      `Invalid value: ${value}, valid memory swappiness range is 0-100`,
    );
  }
  return value === -1 ? null : value;
}

function cpuset(reader: JsonReader, key: string, noun: string): string {
  const text = reader.string(key) ?? "";
  if (text !== "" && !isCpuset(text)) {
    throw new InvalidArgumentError(
      `Invalid value ${text} for cpuset ${noun}: invalid format: ${text}`,
    );
  }
  return text;
}

function isCpuset(text: string): boolean {
  return text.split(",").every((part) => {
    const match = /^([0-9]{1,4})(?:-([0-9]{1,4}))?$/.exec(part);
    return match !== null && Number(match[1]) <= Number(match[2] ?? match[1]);
  });
}

function readCgroupParent(reader: JsonReader): string {
  const parent = reader.string("CgroupParent") ?? "";
  const clean = parent === "" ? "" : cleanPath(parent);
  if (parent.includes("\0") || clean === ".." || clean.startsWith("../")) {
    throw new InvalidArgumentError(
      `invalid cgroup parent ${JSON.stringify(parent)}: it leaves the cgroup tree`,
    );
  }
  return parent;
}

/** Reads the fields without holding them against one another: `update` merges first. */
export function readResources(reader: JsonReader): Resources {
  return {
    CpuShares: reader.integer("CpuShares") ?? 0,
    Memory: reader.integer("Memory") ?? 0,
    NanoCpus: reader.integer("NanoCpus") ?? 0,
    CgroupParent: readCgroupParent(reader),
    BlkioWeight: reader.integer("BlkioWeight", "uint16") ?? 0,
    BlkioWeightDevice: readWeightDevices(reader),
    BlkioDeviceReadBps: readThrottles(reader, "BlkioDeviceReadBps"),
    BlkioDeviceWriteBps: readThrottles(reader, "BlkioDeviceWriteBps"),
    BlkioDeviceReadIOps: readThrottles(reader, "BlkioDeviceReadIOps"),
    BlkioDeviceWriteIOps: readThrottles(reader, "BlkioDeviceWriteIOps"),
    CpuPeriod: reader.integer("CpuPeriod") ?? 0,
    CpuQuota: reader.integer("CpuQuota") ?? 0,
    CpuRealtimePeriod: reader.integer("CpuRealtimePeriod") ?? 0,
    CpuRealtimeRuntime: reader.integer("CpuRealtimeRuntime") ?? 0,
    CpusetCpus: cpuset(reader, "CpusetCpus", "cpus"),
    CpusetMems: cpuset(reader, "CpusetMems", "mems"),
    Devices: readDevices(reader),
    DeviceCgroupRules: readDeviceRules(reader),
    DeviceRequests: readDeviceRequests(reader),
    MemoryReservation: reader.integer("MemoryReservation") ?? 0,
    MemorySwap: reader.integer("MemorySwap") ?? 0,
    MemorySwappiness: swappiness(reader),
    OomKillDisable: reader.boolean("OomKillDisable") ?? false,
    PidsLimit: reader.integer("PidsLimit") ?? null,
    Ulimits: readUlimits(reader),
    CpuCount: reader.integer("CpuCount") ?? 0,
    CpuPercent: reader.integer("CpuPercent") ?? 0,
    IOMaximumIOps: reader.integer("IOMaximumIOps", "uint64") ?? 0,
    IOMaximumBandwidth: reader.integer("IOMaximumBandwidth", "uint64") ?? 0,
  };
}

/** Whether a field of a request says anything: 0, empty, `null` and false do not. */
export function isResourceSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== 0 && value !== "" && value !== null && value !== false;
}

/**
 * The kernel dropped limits on its own memory in 5.4, and API 1.42 their field.
 *
 * @returns For the answer's `Warnings`.
 * @throws {InvalidArgumentError} Less than Docker's minimum.
 */
export function readKernelMemory(reader: JsonReader, version: ApiVersion): readonly string[] {
  const limit = isAtLeast(version, "1.42") ? 0 : (reader.integer("KernelMemory") ?? 0);
  if (limit > 0 && limit < MEMORY_MIN_BYTES) {
    throw new InvalidArgumentError("Minimum kernel memory limit allowed is 6MB");
  }
  if (limit <= 0) return [];
  return [
    "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. " +
      "Limitation discarded.",
  ];
}

function checkMemory(resources: Resources, isUpdate: boolean): void {
  const { Memory: memory, MemorySwap: swap, MemoryReservation: reservation } = resources;
  if (memory !== 0 && memory < MEMORY_MIN_BYTES) {
    throw new InvalidArgumentError("Minimum memory limit allowed is 6MB");
  }
  if (memory > 0 && swap > 0 && swap < memory) {
    throw new InvalidArgumentError(
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    );
  }
  if (memory === 0 && swap > 0 && !isUpdate) {
    throw new InvalidArgumentError(
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    );
  }
  if (swap < -1)
    throw new InvalidArgumentError(`Invalid value: ${swap}, memory swap is -1 or more`);
  if (reservation !== 0 && reservation < MEMORY_MIN_BYTES) {
    throw new InvalidArgumentError("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw new InvalidArgumentError(
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    );
  }
}

function checkNanoCpus(resources: Resources, cpuCount: number | undefined): void {
  if (resources.NanoCpus === 0) return;
  if (resources.CpuPeriod > 0) {
    throw new InvalidArgumentError(
      "Conflicting options: Nano CPUs and CPU Period cannot both be set",
    );
  }
  if (resources.CpuQuota > 0) {
    throw new InvalidArgumentError(
      "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
    );
  }
  if (resources.NanoCpus < 0 || (cpuCount && resources.NanoCpus > cpuCount * 1e9)) {
    throw new InvalidArgumentError(
      cpuCount
        ? `range of CPUs is from 0.01 to ${cpuCount}.00, as there are only ${cpuCount} CPUs available`
        : `invalid number of CPUs (${resources.NanoCpus / 1e9}): value must be positive`,
    );
  }
}

function checkCpu(resources: Resources, cpuCount: number | undefined): void {
  checkNanoCpus(resources, cpuCount);
  const { CpuShares: shares, CpuPeriod: period, CpuQuota: quota } = resources;
  if (shares < 0) {
    throw new InvalidArgumentError(
      `invalid CPU shares (${shares}): value must be a positive integer`,
    );
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw new InvalidArgumentError(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (quota > 0 && quota < 1000) {
    throw new InvalidArgumentError("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  const { CpuRealtimePeriod: realtimePeriod, CpuRealtimeRuntime: runtime } = resources;
  if (realtimePeriod !== 0 && runtime !== 0 && runtime > realtimePeriod) {
    throw new InvalidArgumentError(
      "cpu real-time runtime cannot be higher than cpu real-time period",
    );
  }
}

function checkInputOutput(resources: Resources, isUpdate: boolean): void {
  if (resources.BlkioWeight !== 0 && (resources.BlkioWeight < 10 || resources.BlkioWeight > 1000)) {
    throw new InvalidArgumentError("Range of blkio weight is from 10 to 1000");
  }
  for (const { Path: path, Weight: weight } of resources.BlkioWeightDevice) {
    if (weight !== 0 && (weight < 10 || weight > 1000)) {
      throw new InvalidArgumentError(`invalid weight for device: ${path}:${weight}`);
    }
  }
  const unsupported = resources.IOMaximumBandwidth !== 0 ? "bandwidth" : "IOPs";
  if (resources.IOMaximumBandwidth === 0 && resources.IOMaximumIOps === 0) return;
  throw new InvalidArgumentError(
    isUpdate
      ? "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps"
      : `invalid option: QoS maximum ${unsupported} configuration is not supported on linux`,
  );
}

/**
 * Holds the limits against one another and against what Docker takes as sensible.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function checkResources(
  resources: Resources,
  options: { readonly cpuCount?: number | undefined; readonly isUpdate?: boolean } = {},
): void {
  checkMemory(resources, options.isUpdate ?? false);
  checkCpu(resources, options.cpuCount);
  checkInputOutput(resources, options.isUpdate ?? false);
}

/** What to tell the user besides: limits that are kept but may harm. */
export function resourceWarnings(resources: Resources): readonly string[] {
  if (!resources.OomKillDisable || resources.Memory !== 0) return [];
  return [
    "OOM killer is disabled for the container, but no memory limit is set, this can result in the " +
      "system running out of resources.",
  ];
}
