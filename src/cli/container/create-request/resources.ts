import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import { type Flag, boolFlag, customFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import type { Ulimit } from "#spec/engine-api/host-config.ts";
import { type FlagsOf, type RequestFields, parseDecimal } from "./fields.ts";

/** Limits of processor, memory and processes; sizes in bytes, periods in microseconds. */
export interface ResourceValues {
  readonly "cgroup-parent": string;
  readonly "cpu-count": number;
  readonly "cpu-percent": number;
  readonly "cpu-period": number;
  readonly "cpu-quota": number;
  readonly "cpu-rt-period": number;
  readonly "cpu-rt-runtime": number;
  readonly "cpu-shares": number;
  /** Billionths of a processor. */
  readonly cpus: number;
  readonly "cpuset-cpus": string;
  readonly "cpuset-mems": string;
  readonly "io-maxbandwidth": number;
  readonly "io-maxiops": number;
  readonly "kernel-memory": number;
  readonly memory: number;
  readonly "memory-reservation": number;
  /** -1 is no limit. */
  readonly "memory-swap": number;
  readonly "memory-swappiness": number;
  readonly "oom-kill-disable": boolean;
  readonly "oom-score-adj": number;
  readonly "pids-limit": number;
  readonly "shm-size": number;
  readonly ulimit: readonly Ulimit[];
}

function int64Flag(help: string, short?: string): Flag<number> {
  return intFlag(help, short === undefined ? { type: "int64" } : { type: "int64", short });
}

/** A size in bytes: `512m`, `1g`. */
export function bytesFlag(
  help: string,
  options: { readonly short?: string; readonly deprecated?: string } = {},
): Flag<number> {
  return customFlag("bytes", help, "0", 0, parseBinarySize, options);
}

export const resourceFlags: FlagsOf<ResourceValues> = {
  "cgroup-parent": stringFlag("Optional parent cgroup for the container"),
  "cpu-count": int64Flag("CPU count (Windows only)"),
  "cpu-percent": int64Flag("CPU percent (Windows only)"),
  "cpu-period": int64Flag("Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": int64Flag("Limit CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-rt-period": int64Flag("Limit CPU real-time period in microseconds"),
  "cpu-rt-runtime": int64Flag("Limit CPU real-time runtime in microseconds"),
  "cpu-shares": int64Flag("CPU shares (relative weight)", "c"),
  cpus: customFlag("decimal", "Number of CPUs", "", 0, parseNanoCpus),
  "cpuset-cpus": stringFlag("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": stringFlag("MEMs in which to allow execution (0-3, 0,1)"),
  "io-maxbandwidth": bytesFlag("Maximum IO bandwidth limit for the system drive (Windows only)"),
  "io-maxiops": intFlag("Maximum IOps limit for the system drive (Windows only)", {
    type: "uint64",
  }),
  "kernel-memory": bytesFlag("Kernel memory limit", {
    deprecated: "and no longer supported by the kernel",
  }),
  memory: bytesFlag("Memory limit", { short: "m" }),
  "memory-reservation": bytesFlag("Memory soft limit"),
  "memory-swap": customFlag(
    "bytes",
    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    "0",
    0,
    (text) => (text === "-1" ? -1 : parseBinarySize(text)),
  ),
  "memory-swappiness": intFlag("Tune container memory swappiness (0 to 100)", {
    type: "int64",
    default: -1,
  }),
  "oom-kill-disable": boolFlag("Disable OOM Killer"),
  "oom-score-adj": intFlag("Tune host's OOM preferences (-1000 to 1000)"),
  "pids-limit": int64Flag("Tune container pids limit (set -1 for unlimited)"),
  "shm-size": bytesFlag("Size of /dev/shm"),
  ulimit: customFlag<readonly Ulimit[]>("ulimit", "Ulimit options", "[]", [], (text, before) => {
    const next = parseUlimit(text);
    return [...before.filter(({ Name }) => Name !== next.Name), next];
  }),
};

const nano = 1_000_000_000n;

/** `1.5`, `0.25`, `1/2`, `5e-1`, exactly. @returns Billionths. */
export function parseNanoCpus(text: string): number {
  const [numerator = "", denominator] = text.split("/");
  const over = parseFraction(numerator);
  const under = denominator === undefined ? { value: 1n, scale: 1n } : parseFraction(denominator);
  const isWhole = denominator === undefined || /^[0-9]+$/.test(denominator);
  if (!over || !under || under.value === 0n || !isWhole) {
    throw new InvalidArgumentError(`failed to parse ${text} as a rational number`);
  }
  const top = over.value * under.scale * nano;
  const bottom = over.scale * under.value;
  if (top % bottom !== 0n) throw new InvalidArgumentError("value is too precise");
  return Number(top / bottom);
}

function parseFraction(
  text: string,
): { readonly value: bigint; readonly scale: bigint } | undefined {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:e([+-]?[0-9]{1,3}))?$/i.exec(text);
  const [whole, part] = [match?.[2] ?? "", match?.[3] ?? ""];
  if (!match || whole + part === "") return undefined;
  const digits = BigInt(whole + part) * (match[1] === "-" ? -1n : 1n);
  const exponent = Number(match[4] ?? 0) - part.length;
  return exponent >= 0
    ? { value: digits * 10n ** BigInt(exponent), scale: 1n }
    : { value: digits, scale: 10n ** BigInt(-exponent) };
}

const ulimitNames: readonly string[] =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  );

/** `nofile=1024:2048`; one number counts for both. */
function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf("=");
  if (equals < 0) throw new InvalidArgumentError(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  if (!ulimitNames.includes(name)) throw new InvalidArgumentError(`invalid ulimit type: ${name}`);
  const limits = text.slice(equals + 1).split(":");
  const [softText = "", hardText] = limits;
  if (limits.length > 2) {
    throw new InvalidArgumentError(
      `too many limit value arguments - ${limits.join(":")}, can only have up to two, \`soft[:hard]\``,
    );
  }
  const hard = parseLimit(hardText ?? softText);
  const soft = parseLimit(softText);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    const values = soft === -1 ? `soft: -1 (unlimited), hard: ${hard}` : `${soft} > ${hard}`;
    throw new InvalidArgumentError(
      `ulimit soft limit must be less than or equal to hard limit: ${values}`,
    );
  }
  return { Name: name, Hard: hard, Soft: soft };
}

function parseLimit(text: string): number {
  return text === "infinity" ? -1 : parseDecimal(text);
}

/** Limits that a container gets when it is made and that may change while it runs. */
export type CommonLimits = Pick<
  ResourceValues,
  | "cpu-period"
  | "cpu-quota"
  | "cpu-rt-period"
  | "cpu-rt-runtime"
  | "cpu-shares"
  | "cpus"
  | "cpuset-cpus"
  | "cpuset-mems"
  | "memory"
  | "memory-reservation"
  | "memory-swap"
>;

/** Their names in the API. */
export function planCommonLimits(values: CommonLimits): Readonly<Record<string, unknown>> {
  return {
    CpuPeriod: values["cpu-period"],
    CpuQuota: values["cpu-quota"],
    CpuRealtimePeriod: values["cpu-rt-period"],
    CpuRealtimeRuntime: values["cpu-rt-runtime"],
    CpuShares: values["cpu-shares"],
    NanoCpus: values.cpus,
    CpusetCpus: values["cpuset-cpus"],
    CpusetMems: values["cpuset-mems"],
    Memory: values.memory,
    MemoryReservation: values["memory-reservation"],
    MemorySwap: values["memory-swap"],
  };
}

export function planResources(values: ResourceValues): RequestFields {
  const swappiness = values["memory-swappiness"];
  if (swappiness < -1 || swappiness > 100) {
    throw new InvalidArgumentError(
      `invalid value: ${swappiness}. Valid memory swappiness range is 0-100`,
    );
  }
  return {
    host: {
      CgroupParent: values["cgroup-parent"],
      CpuCount: values["cpu-count"],
      CpuPercent: values["cpu-percent"],
      ...planCommonLimits(values),
      IOMaximumBandwidth: values["io-maxbandwidth"],
      IOMaximumIOps: values["io-maxiops"],
      MemorySwappiness: swappiness,
      OomKillDisable: values["oom-kill-disable"],
      OomScoreAdj: values["oom-score-adj"],
      PidsLimit: values["pids-limit"],
      ShmSize: values["shm-size"],
      Ulimits: [...values.ulimit].sort((a, b) => (a.Name < b.Name ? -1 : 1)),
    },
  };
}
