import type { CgroupStats } from "#host/cgroups.ts";
import { parseFlatKeyed, parseNumber } from "./keyed.ts";

const NANOS_PER_MICRO = 1000;

/**
 * @param read Text of one file of the group; undefined where the file is not there.
 * @see Documentation/admin-guide/cgroup-v2.rst of the kernel.
 */
export function parseStatsV2(
  read: (file: string) => string | undefined,
  hostMemoryBytes: number,
): CgroupStats {
  const cpu = parseCpu(read("cpu.stat"));
  const memory = parseMemory(read, hostMemoryBytes);
  const pids = parsePids(read);
  const io = read("io.stat");
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(pids === undefined ? {} : { pids }),
    ...(io === undefined ? {} : { blockIo: parseIoStat(io) }),
  };
}

function parseCpu(text: string | undefined): CgroupStats["cpu"] {
  if (text === undefined) return undefined;
  const values = parseFlatKeyed(text);
  return {
    usageNanos: (values["usage_usec"] ?? 0) * NANOS_PER_MICRO,
    userNanos: (values["user_usec"] ?? 0) * NANOS_PER_MICRO,
    systemNanos: (values["system_usec"] ?? 0) * NANOS_PER_MICRO,
    periods: values["nr_periods"] ?? 0,
    throttledPeriods: values["nr_throttled"] ?? 0,
    throttledNanos: (values["throttled_usec"] ?? 0) * NANOS_PER_MICRO,
  };
}

function parseMemory(
  read: (file: string) => string | undefined,
  hostMemoryBytes: number,
): CgroupStats["memory"] {
  const current = read("memory.current");
  if (current === undefined) return undefined;
  const failCount = parseFlatKeyed(read("memory.events") ?? "")["oom"];
  const limit = parseNumber(read("memory.max") ?? "") ?? hostMemoryBytes;
  return {
    usageBytes: parseNumber(current) ?? 0,
    limitBytes: Math.min(limit, hostMemoryBytes),
    ...(failCount === undefined ? {} : { failCount }),
    stats: parseFlatKeyed(read("memory.stat") ?? ""),
  };
}

function parsePids(read: (file: string) => string | undefined): CgroupStats["pids"] {
  const current = read("pids.current");
  if (current === undefined) return undefined;
  const limit = parseNumber(read("pids.max") ?? "");
  return { current: parseNumber(current) ?? 0, ...(limit === undefined ? {} : { limit }) };
}

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`. */
function parseIoStat(text: string): NonNullable<CgroupStats["blockIo"]> {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].flatMap(([, major, minor, rest = ""]) => {
    const values = parseFlatKeyed(rest.replaceAll(" ", "\n").replaceAll("=", " "));
    const device = { major: Number(major), minor: Number(minor) };
    return [
      {
        ...device,
        op: "read",
        bytes: values["rbytes"] ?? 0,
        operations: values["rios"] ?? 0,
      },
      {
        ...device,
        op: "write",
        bytes: values["wbytes"] ?? 0,
        operations: values["wios"] ?? 0,
      },
    ];
  });
}
