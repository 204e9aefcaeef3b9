import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type {
  Resources as ApiResources,
  ThrottleDevice as ApiThrottle,
} from "#spec/engine-api/host-config.ts";
import type {
  BlockIoResources,
  CpuResources,
  DeviceCgroup,
  MemoryResources,
  Resources,
  ThrottleDevice,
} from "#spec/oci-runtime.ts";
import type { OciSpecInput } from "./input.ts";

type DeviceNumbers = OciSpecInput["deviceNumbers"];

/** Limits of `run` and `update`; without `deviceRules` the devices stay as they are. */
export function planResources(
  api: ApiResources,
  deviceNumbers: DeviceNumbers,
  deviceRules?: readonly DeviceCgroup[],
): Resources {
  const memory = planMemory(api);
  const cpu = planCpu(api);
  const blockIO = planBlockIo(api, deviceNumbers);
  return {
    ...(deviceRules ? { devices: deviceRules } : {}),
    ...(isEmpty(memory) ? {} : { memory }),
    ...(isEmpty(cpu) ? {} : { cpu }),
    ...(isEmpty(blockIO) ? {} : { blockIO }),
    ...(api.PidsLimit === null || api.PidsLimit === 0 ? {} : { pids: { limit: api.PidsLimit } }),
  };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function planMemory(api: ApiResources): MemoryResources {
  return {
    ...(api.Memory > 0 ? { limit: api.Memory } : {}),
    ...(api.MemoryReservation > 0 ? { reservation: api.MemoryReservation } : {}),
    ...(api.MemorySwap === 0 ? {} : { swap: api.MemorySwap }),
    ...(api.MemorySwappiness === null || api.MemorySwappiness < 0
      ? {}
      : { swappiness: api.MemorySwappiness }),
    ...(api.OomKillDisable ? { disableOOMKiller: true } : {}),
  };
}

/** `--cpus` is a quota over the kernel's usual period of 100 ms. */
function planCpu(api: ApiResources): CpuResources {
  const period = 100_000;
  const quota =
    api.NanoCpus > 0
      ? { period, quota: Math.round((api.NanoCpus * period) / 1e9) }
      : {
          ...(api.CpuPeriod > 0 ? { period: api.CpuPeriod } : {}),
          ...(api.CpuQuota === 0 ? {} : { quota: api.CpuQuota }),
        };
  return {
    ...quota,
    ...(api.CpuShares > 0 ? { shares: api.CpuShares } : {}),
    ...(api.CpusetCpus === "" ? {} : { cpus: api.CpusetCpus }),
    ...(api.CpusetMems === "" ? {} : { mems: api.CpusetMems }),
    ...(api.CpuRealtimePeriod > 0 ? { realtimePeriod: api.CpuRealtimePeriod } : {}),
    ...(api.CpuRealtimeRuntime > 0 ? { realtimeRuntime: api.CpuRealtimeRuntime } : {}),
  };
}

function planBlockIo(api: ApiResources, numbers: DeviceNumbers): BlockIoResources {
  const throttles = (devices: readonly ApiThrottle[]): readonly ThrottleDevice[] | undefined =>
    devices.length === 0
      ? undefined
      : devices.map(({ Path, Rate }) => ({ ...numberOf(Path, numbers), rate: Rate }));
  const parts = {
    weight: api.BlkioWeight > 0 ? api.BlkioWeight : undefined,
    weightDevice:
      api.BlkioWeightDevice.length === 0
        ? undefined
        : api.BlkioWeightDevice.map(({ Path, Weight }) => ({
            ...numberOf(Path, numbers),
            weight: Weight,
          })),
    throttleReadBpsDevice: throttles(api.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(api.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(api.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(api.BlkioDeviceWriteIOps),
  };
  return Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined),
  ) as BlockIoResources; // only undefined values are gone
}

function numberOf(
  path: string,
  numbers: DeviceNumbers,
): { readonly major: number; readonly minor: number } {
  const pair = numbers.get(path);
  if (!pair) {
    throw new FailedPreconditionError(`Cannot limit I/O of ${path}: it is no device of this host`);
  }
  return { major: pair[0], minor: pair[1] };
}

/** What a container may touch of the devices every container has; the runtime adds its terminals. */
const DEFAULT_DEVICE_RULES: readonly DeviceCgroup[] = [
  { allow: false, access: "rwm" },
  ...(
    [
      [1, 5],
      [1, 3],
      [1, 9],
      [1, 8],
      [5, 0],
      [5, 1],
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: "c" as const, major, minor, access: "rwm" })),
];

/** @throws {InvalidArgumentError} A `--device-cgroup-rule` that is none. */
export function planDeviceRules(input: OciSpecInput): readonly DeviceCgroup[] {
  if (input.hostConfig.Privileged) return [{ allow: true, access: "rwm" }];
  return [
    ...DEFAULT_DEVICE_RULES,
    ...input.devices.map(({ device, access }) => ({
      allow: true,
      type: device.type === "b" ? ("b" as const) : ("c" as const),
      ...(device.major === undefined ? {} : { major: device.major }),
      ...(device.minor === undefined ? {} : { minor: device.minor }),
      access,
    })),
    ...input.hostConfig.DeviceCgroupRules.map(parseDeviceRule),
  ];
}

/** `c 1:3 mr`, `b 8:* rw`, `a *:* rwm`. */
function parseDeviceRule(text: string): DeviceCgroup {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
  const [, type, major, minor, access] = match ?? [];
  if (!type || !major || !minor || !access) {
    throw new InvalidArgumentError(`invalid device cgroup rule format: '${text}'`);
  }
  return {
    allow: true,
    type: type as "a" | "b" | "c",
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}
