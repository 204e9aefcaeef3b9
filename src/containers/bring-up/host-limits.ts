import { InvalidArgumentError } from "#base/errors.ts";
import type { CgroupAbilities } from "#host/cgroups.ts";
import type { Resources } from "#spec/engine-api/host-config.ts";

/** A limit that a host may lack, and what Docker says when it is left out. */
interface Lack {
  readonly ability: Exclude<keyof CgroupAbilities, "cpus" | "memoryNodes">;
  isAsked(wanted: Partial<Resources>): boolean;
  readonly warning: string;
  readonly instead: Partial<Resources>;
}

const NO_CGROUP = "or the cgroup is not mounted";

function some(value: number | string | null | readonly unknown[] | undefined): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== 0 && value !== "";
}

const LACKS: readonly Lack[] = [
  {
    ability: "memory",
    isAsked: ({ Memory }) => some(Memory),
    warning: `Your kernel does not support memory limit capabilities ${NO_CGROUP}. Limitation discarded.`,
    instead: { Memory: 0, MemorySwap: -1 },
  },
  {
    ability: "memorySwap",
    isAsked: ({ Memory, MemorySwap = 0 }) => some(Memory) && MemorySwap > 0,
    warning: `Your kernel does not support swap limit capabilities ${NO_CGROUP}. Memory limited without swap.`,
    instead: { MemorySwap: -1 },
  },
  {
    ability: "memorySwappiness",
    isAsked: ({ MemorySwappiness = null }) => MemorySwappiness !== null,
    warning: `Your kernel does not support memory swappiness capabilities ${NO_CGROUP}. Memory swappiness discarded.`,
    instead: { MemorySwappiness: null },
  },
  {
    ability: "memoryReservation",
    isAsked: ({ MemoryReservation }) => some(MemoryReservation),
    warning: `Your kernel does not support memory soft limit capabilities ${NO_CGROUP}. Limitation discarded.`,
    instead: { MemoryReservation: 0 },
  },
  {
    ability: "oomKillDisable",
    isAsked: ({ OomKillDisable = false }) => OomKillDisable,
    warning: "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
    instead: { OomKillDisable: false },
  },
  {
    ability: "pids",
    isAsked: ({ PidsLimit }) => some(PidsLimit),
    warning: `Your kernel does not support PIDs limit capabilities ${NO_CGROUP}. PIDs limit discarded.`,
    instead: { PidsLimit: null },
  },
  {
    ability: "cpuShares",
    isAsked: ({ CpuShares }) => some(CpuShares),
    warning: `Your kernel does not support CPU shares ${NO_CGROUP}. Shares discarded.`,
    instead: { CpuShares: 0 },
  },
  {
    ability: "cpuQuota",
    isAsked: ({ CpuPeriod, CpuQuota }) => some(CpuPeriod) || some(CpuQuota),
    warning: "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    instead: { CpuPeriod: 0, CpuQuota: 0 },
  },
  {
    ability: "blockIoWeight",
    isAsked: ({ BlkioWeight }) => some(BlkioWeight),
    warning: `Your kernel does not support Block I/O weight ${NO_CGROUP}. Weight discarded.`,
    instead: { BlkioWeight: 0 },
  },
  {
    ability: "blockIoWeightDevice",
    isAsked: ({ BlkioWeightDevice }) => some(BlkioWeightDevice),
    warning: `Your kernel does not support Block I/O weight_device ${NO_CGROUP}. Weight-device discarded.`,
    instead: { BlkioWeightDevice: [] },
  },
  {
    ability: "blockIoThrottle",
    isAsked: ({ BlkioDeviceReadBps }) => some(BlkioDeviceReadBps),
    warning: `Your kernel does not support BPS Block I/O read limit ${NO_CGROUP}. Block I/O BPS read limit discarded.`,
    instead: { BlkioDeviceReadBps: [] },
  },
  {
    ability: "blockIoThrottle",
    isAsked: ({ BlkioDeviceWriteBps }) => some(BlkioDeviceWriteBps),
    warning: `Your kernel does not support BPS Block I/O write limit ${NO_CGROUP}. Block I/O BPS write limit discarded.`,
    instead: { BlkioDeviceWriteBps: [] },
  },
  {
    ability: "blockIoThrottle",
    isAsked: ({ BlkioDeviceReadIOps }) => some(BlkioDeviceReadIOps),
    warning: `Your kernel does not support IOPS Block read limit ${NO_CGROUP}. Block I/O IOPS read limit discarded.`,
    instead: { BlkioDeviceReadIOps: [] },
  },
  {
    ability: "blockIoThrottle",
    isAsked: ({ BlkioDeviceWriteIOps }) => some(BlkioDeviceWriteIOps),
    warning: `Your kernel does not support IOPS Block write limit ${NO_CGROUP}. Block I/O IOPS write limit discarded.`,
    instead: { BlkioDeviceWriteIOps: [] },
  },
];

/** Whether there is anything that a host may lack. */
function asksForLimits(wanted: Partial<Resources>): boolean {
  const { CpuRealtimePeriod, CpuRealtimeRuntime, CpusetCpus, CpusetMems, NanoCpus } = wanted;
  return (
    [CpuRealtimePeriod, CpuRealtimeRuntime, CpusetCpus, CpusetMems, NanoCpus].some(some) ||
    LACKS.some(({ isAsked }) => isAsked(wanted))
  );
}

/**
 * What of the wanted limits this host can keep, of a new container or of an update: what the kernel has no
 * file for goes with Docker's warning.
 *
 * @param wanted Fields that are not there stay away.
 * @param readAbilities Asked only where there are limits: most containers have none, and it reads files.
 * @throws {InvalidArgumentError} CPUs or memory nodes that are not there, and what Docker would rather refuse
 *   than leave out, with its texts.
 */
export function fitLimits<Wanted extends Partial<Resources>>(
  wanted: Wanted,
  readAbilities: () => CgroupAbilities,
): { readonly limits: Wanted; readonly warnings: readonly string[] } {
  if (!asksForLimits(wanted)) return { limits: wanted, warnings: [] };
  const abilities = readAbilities();
  const { CpuRealtimePeriod, CpuRealtimeRuntime, NanoCpus } = wanted;
  if (!abilities.cpuRealtime && (some(CpuRealtimePeriod) || some(CpuRealtimeRuntime))) {
    throw new InvalidArgumentError("Your kernel does not support CPU real-time scheduler");
  }
  if (!abilities.cpuQuota && some(NanoCpus)) {
    throw new InvalidArgumentError(
      `NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler ${NO_CGROUP}`,
    );
  }
  const lacking = LACKS.filter(({ ability, isAsked }) => !abilities[ability] && isAsked(wanted));
  const warnings = lacking.map(({ warning }) => warning);
  let limits: Wanted = Object.assign({}, wanted, ...lacking.map(({ instead }) => instead));
  if (abilities.cpus === undefined && (some(wanted.CpusetCpus) || some(wanted.CpusetMems))) {
    warnings.push(`Your kernel does not support cpuset ${NO_CGROUP}. Cpuset discarded.`);
    limits = { ...limits, CpusetCpus: "", CpusetMems: "" };
  } else {
    checkList("CPUs", wanted.CpusetCpus ?? "", abilities.cpus);
    checkList("memory nodes", wanted.CpusetMems ?? "", abilities.memoryNodes);
  }
  return { limits, warnings };
}

function checkList(noun: string, wanted: string, available: string | undefined): void {
  if (wanted === "" || available === undefined) return;
  const has = rangesOf(available);
  // the kernel's ranges are as long as can be, so what is there lies in one of them
  const isMet = rangesOf(wanted).every(([first, last]) =>
    has.some(([from, to]) => first >= from && last <= to),
  );
  if (isMet) return;
  throw new InvalidArgumentError(
    `Requested ${noun} are not available - requested ${wanted}, available: ${available}`,
  );
}

/** `0-2,5` → [[0, 2], [5, 5]] */
function rangesOf(list: string): readonly (readonly [first: number, last: number])[] {
  return list.split(",").map((part) => {
    const [first = "", last = first] = part.split("-");
    return [Number(first), Number(last)];
  });
}
