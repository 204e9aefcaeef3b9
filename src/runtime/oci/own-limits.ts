import type { CgroupLimit } from "#host/cgroups.ts";
import type { BlockIoResources, Resources } from "#spec/oci-runtime.ts";
import type { RuntimeFamily } from "./program.ts";

const KINDS = {
  throttleReadBpsDevice: "readBytes",
  throttleWriteBpsDevice: "writeBytes",
  throttleReadIOPSDevice: "readOperations",
  throttleWriteIOPSDevice: "writeOperations",
} as const satisfies Partial<Record<keyof BlockIoResources, CgroupLimit["kind"]>>;

/**
 * Takes out of an update what has to be written past the runtime: `runc update` drops limits of block devices
 * in silence, and crun 1.8 writes -1 for any number of processes, which the kernel refuses.
 */
export function splitOwnLimits(
  resources: Resources,
  family: RuntimeFamily,
): { readonly own: readonly CgroupLimit[]; readonly rest: Resources } {
  const { blockIO, pids, ...others } = resources;
  const isAnyProcesses = family === "crun" && pids !== undefined && pids.limit < 0;
  const { own, weights } = splitBlockIo(blockIO ?? {});
  return {
    own: [...own, ...(isAnyProcesses ? [{ kind: "anyProcesses" } as const] : [])],
    rest: {
      ...others,
      ...(pids === undefined || isAnyProcesses ? {} : { pids }),
      ...(Object.keys(weights).length > 0 ? { blockIO: weights } : {}),
    },
  };
}

function splitBlockIo(blockIO: BlockIoResources): {
  readonly own: readonly CgroupLimit[];
  readonly weights: BlockIoResources;
} {
  const {
    throttleReadBpsDevice,
    throttleWriteBpsDevice,
    throttleReadIOPSDevice,
    throttleWriteIOPSDevice,
    ...weights
  } = blockIO;
  const given = {
    throttleReadBpsDevice,
    throttleWriteBpsDevice,
    throttleReadIOPSDevice,
    throttleWriteIOPSDevice,
  };
  const own = Object.entries(KINDS).flatMap(([key, kind]) =>
    (given[key as keyof typeof KINDS] ?? []).map((device) => ({ kind, ...device })),
  );
  return { own, weights };
}
