import type { CgroupLimit } from "#host/cgroups.ts";

/** One write(2): the kernel takes a device at a time. */
export interface CgroupWrite {
  /** Whose hierarchy the file is in, where each has one. */
  readonly controller: "blkio" | "pids";
  readonly file: string;
  readonly text: string;
}

type BlockIoKind = Exclude<CgroupLimit["kind"], "anyProcesses">;

const V1_FILES: Readonly<Record<BlockIoKind, string>> = {
  readBytes: "blkio.throttle.read_bps_device",
  writeBytes: "blkio.throttle.write_bps_device",
  readOperations: "blkio.throttle.read_iops_device",
  writeOperations: "blkio.throttle.write_iops_device",
};

const V2_KEYS: Readonly<Record<BlockIoKind, string>> = {
  readBytes: "rbps",
  writeBytes: "wbps",
  readOperations: "riops",
  writeOperations: "wiops",
};

const ANY_PROCESSES: CgroupWrite = { controller: "pids", file: "pids.max", text: "max" };

/** @see Documentation/admin-guide/cgroup-v1/blkio-controller.rst of the kernel: 0 takes the limit away. */
export function planLimitsV1(limits: readonly CgroupLimit[]): readonly CgroupWrite[] {
  return limits.map((limit) => {
    if (limit.kind === "anyProcesses") return ANY_PROCESSES;
    const { kind, major, minor, rate } = limit;
    return { controller: "blkio", file: V1_FILES[kind], text: `${major}:${minor} ${rate}` };
  });
}

/** @see Documentation/admin-guide/cgroup-v2.rst of the kernel, "io.max": `max` takes the limit away. */
export function planLimitsV2(limits: readonly CgroupLimit[]): readonly CgroupWrite[] {
  return limits.map((limit) => {
    if (limit.kind === "anyProcesses") return ANY_PROCESSES;
    const { kind, major, minor, rate } = limit;
    const value = rate === 0 ? "max" : String(rate);
    return {
      controller: "blkio",
      file: "io.max",
      text: `${major}:${minor} ${V2_KEYS[kind]}=${value}`,
    };
  });
}
