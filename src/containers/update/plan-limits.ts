import type { CgroupAbilities } from "#host/cgroups.ts";
import { planResources } from "#containers/oci-spec/resources.ts";
import type { Resources, ThrottleDevice } from "#spec/engine-api/host-config.ts";
import type { CpuResources, Resources as OciResources } from "#spec/oci-runtime.ts";

type DeviceNumbers = ReadonlyMap<string, readonly [major: number, minor: number]>;

/** What the kernel gives a group that nobody limits. */
const DEFAULT_SHARES = 1024;
const DEFAULT_PERIOD_MICROS = 100_000;

/** Limits that hold or fall together: they are written as one. */
const GROUPS = {
  memory: ["Memory", "MemorySwap"],
  reservation: ["MemoryReservation"],
  shares: ["CpuShares"],
  quota: ["NanoCpus", "CpuPeriod", "CpuQuota"],
  cpus: ["CpusetCpus"],
  memoryNodes: ["CpusetMems"],
  realtime: ["CpuRealtimePeriod", "CpuRealtimeRuntime"],
  pids: ["PidsLimit"],
  weight: ["BlkioWeight", "BlkioWeightDevice"],
} as const satisfies Readonly<Record<string, readonly (keyof Resources)[]>>;

const THROTTLES = [
  ["BlkioDeviceReadBps", "throttleReadBpsDevice"],
  ["BlkioDeviceWriteBps", "throttleWriteBpsDevice"],
  ["BlkioDeviceReadIOps", "throttleReadIOPSDevice"],
  ["BlkioDeviceWriteIOps", "throttleWriteIOPSDevice"],
] as const;

/**
 * What the runtime is to change of a running container's limits. A limit that falls away is written as the
 * kernel's default: an update cannot take one away, its undoing can.
 *
 * @param numbers Devices that `before` and `after` name.
 * @returns Undefined when nothing changes.
 */
export function planLimits(
  before: Resources,
  after: Resources,
  numbers: DeviceNumbers,
  abilities: Pick<CgroupAbilities, "cpus" | "memoryNodes">,
): OciResources | undefined {
  const changes = (group: keyof typeof GROUPS): boolean =>
    GROUPS[group].some((key) => !isSame(before[key], after[key]));
  const full = planResources(after, numbers);
  const cpu = planCpu(changes, full.cpu ?? {}, abilities);
  const memory = {
    ...(changes("memory")
      ? { limit: full.memory?.limit ?? -1, swap: full.memory?.swap ?? -1 }
      : {}),
    ...(changes("reservation") ? { reservation: full.memory?.reservation ?? -1 } : {}),
  };
  const { weight, weightDevice } = full.blockIO ?? {};
  const blockIO = {
    ...(changes("weight") && weight !== undefined ? { weight } : {}),
    ...(changes("weight") && weightDevice !== undefined ? { weightDevice } : {}),
    ...planThrottles(before, after, numbers),
  };
  const parts = {
    ...(isEmpty(cpu) ? {} : { cpu }),
    ...(isEmpty(memory) ? {} : { memory }),
    ...(isEmpty(blockIO) ? {} : { blockIO }),
    ...(changes("pids") ? { pids: { limit: full.pids?.limit ?? -1 } } : {}),
  };
  return isEmpty(parts) ? undefined : parts;
}

function planCpu(
  changes: (group: keyof typeof GROUPS) => boolean,
  full: CpuResources,
  abilities: Pick<CgroupAbilities, "cpus" | "memoryNodes">,
): CpuResources {
  const cpus = full.cpus ?? abilities.cpus;
  const mems = full.mems ?? abilities.memoryNodes;
  return {
    ...(changes("shares") ? { shares: full.shares ?? DEFAULT_SHARES } : {}),
    ...(changes("quota")
      ? { period: full.period ?? DEFAULT_PERIOD_MICROS, quota: full.quota ?? -1 }
      : {}),
    ...(changes("cpus") && cpus !== undefined ? { cpus } : {}),
    ...(changes("memoryNodes") && mems !== undefined ? { mems } : {}),
    ...(changes("realtime") && full.realtimePeriod !== undefined
      ? { realtimePeriod: full.realtimePeriod }
      : {}),
    ...(changes("realtime") ? { realtimeRuntime: full.realtimeRuntime ?? 0 } : {}),
  };
}

/** A device that is no longer limited gets the rate 0, which takes the limit away. */
function planThrottles(
  before: Resources,
  after: Resources,
  numbers: DeviceNumbers,
): NonNullable<OciResources["blockIO"]> {
  const planned = THROTTLES.flatMap(([key, name]) => {
    if (isSame(before[key], after[key])) return [];
    const paths = new Set(after[key].map(({ Path }) => Path));
    const gone: ThrottleDevice[] = before[key]
      .filter(({ Path }) => !paths.has(Path))
      .map(({ Path }) => ({ Path, Rate: 0 }));
    const wanted = planResources({ ...after, [key]: [...after[key], ...gone] }, numbers);
    return [[name, wanted.blockIO?.[name] ?? []] as const];
  });
  return Object.fromEntries(planned);
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
