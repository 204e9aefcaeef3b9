import type { CgroupStats } from "#host/cgroups.ts";
import { parseFlatKeyed, parseNumber } from "./keyed.ts";

/** USER_HZ: clock ticks a second in cpuacct.stat. */
const NANOS_PER_TICK = 1e9 / 100;

/** Text of one file of a group by its name; undefined where the file is not there. */
export type ReadCgroupFile = (controller: string, file: string) => string | undefined;

/** @see Documentation/admin-guide/cgroup-v1 of the kernel. */
export function parseStatsV1(read: ReadCgroupFile, hostMemoryBytes: number): CgroupStats {
  const cpu = parseCpu(read);
  const memory = parseMemory(read, hostMemoryBytes);
  const pids = parsePids(read);
  const blockIo = parseBlockIo(read);
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(pids === undefined ? {} : { pids }),
    ...(blockIo === undefined ? {} : { blockIo }),
  };
}

function parseCpu(read: ReadCgroupFile): CgroupStats["cpu"] {
  const usage = read("cpuacct", "cpuacct.usage");
  if (usage === undefined) return undefined;
  const times = parseFlatKeyed(read("cpuacct", "cpuacct.stat") ?? "");
  const throttling = parseFlatKeyed(read("cpu", "cpu.stat") ?? "");
  const perCpu = read("cpuacct", "cpuacct.usage_percpu")?.trim();
  return {
    usageNanos: parseNumber(usage) ?? 0,
    userNanos: (times["user"] ?? 0) * NANOS_PER_TICK,
    systemNanos: (times["system"] ?? 0) * NANOS_PER_TICK,
    ...(perCpu === undefined ? {} : { perCpuNanos: perCpu.split(/\s+/).map(Number) }),
    periods: throttling["nr_periods"] ?? 0,
    throttledPeriods: throttling["nr_throttled"] ?? 0,
    throttledNanos: throttling["throttled_time"] ?? 0,
  };
}

function parseMemory(read: ReadCgroupFile, hostMemoryBytes: number): CgroupStats["memory"] {
  const usage = read("memory", "memory.usage_in_bytes");
  if (usage === undefined) return undefined;
  const max = parseNumber(read("memory", "memory.max_usage_in_bytes") ?? "");
  const failCount = parseNumber(read("memory", "memory.failcnt") ?? "");
  // Without a limit the file holds the largest number of pages that fit 63 bits.
  const limit = parseNumber(read("memory", "memory.limit_in_bytes") ?? "") ?? hostMemoryBytes;
  return {
    usageBytes: parseNumber(usage) ?? 0,
    ...(max === undefined ? {} : { maxUsageBytes: max }),
    limitBytes: Math.min(limit, hostMemoryBytes),
    ...(failCount === undefined ? {} : { failCount }),
    stats: parseFlatKeyed(read("memory", "memory.stat") ?? ""),
  };
}

function parsePids(read: ReadCgroupFile): CgroupStats["pids"] {
  const current = read("pids", "pids.current");
  if (current === undefined) return undefined;
  const limit = parseNumber(read("pids", "pids.max") ?? "");
  return { current: parseNumber(current) ?? 0, ...(limit === undefined ? {} : { limit }) };
}

/**
 * Both layers have files, but only those fill theirs that are in use: throttling where a limit is set, BFQ
 * where it schedules the device.
 */
function parseBlockIo(read: ReadCgroupFile): CgroupStats["blockIo"] {
  let counters: CgroupStats["blockIo"];
  for (const layer of ["throttle", "bfq"]) {
    const bytes = read("blkio", `blkio.${layer}.io_service_bytes_recursive`);
    if (bytes === undefined || (counters?.length ?? 0) > 0) continue;
    const served = parseServed(read("blkio", `blkio.${layer}.io_serviced_recursive`) ?? "");
    counters = [...parseServed(bytes)].map(([key, { major, minor, op, value }]) => {
      return { major, minor, op, bytes: value, operations: served.get(key)?.value ?? 0 };
    });
  }
  return counters;
}

interface Served {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: number;
}

/** Lines `8:0 Read 4096`, with `Sync`, `Async`, `Discard` and `Total` of the device beside. */
function parseServed(text: string): Map<string, Served> {
  const entries = new Map<string, Served>();
  for (const [line, major, minor, op, value] of text.matchAll(
    /^(\d+):(\d+) ([A-Z][a-z]+) (\d+)$/gm,
  )) {
    const key = line.slice(0, line.lastIndexOf(" "));
    entries.set(key, {
      major: Number(major),
      minor: Number(minor),
      op: op ?? "",
      value: Number(value),
    });
  }
  return entries;
}
