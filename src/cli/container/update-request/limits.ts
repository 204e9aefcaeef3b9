import { stringFlag } from "#cli/command/flags.ts";
import { blockIoFlags, type BlockIoValues } from "#cli/container/create-request/block-io.ts";
import type { FlagsOf } from "#cli/container/create-request/fields.ts";
import { parseRestartPolicy } from "#cli/container/create-request/policies.ts";
import {
  type CommonLimits,
  planCommonLimits,
  resourceFlags,
  type ResourceValues,
} from "#cli/container/create-request/resources.ts";

/** What Docker's `update` can change; units as in `run`. */
export type LimitValues = CommonLimits &
  Pick<BlockIoValues, "blkio-weight"> &
  Pick<ResourceValues, "kernel-memory" | "pids-limit"> & { readonly restart: string };

export const limitFlags: FlagsOf<LimitValues> = {
  "blkio-weight": blockIoFlags["blkio-weight"],
  "cpu-period": resourceFlags["cpu-period"],
  "cpu-quota": resourceFlags["cpu-quota"],
  "cpu-rt-period": {
    ...resourceFlags["cpu-rt-period"],
    help: "Limit the CPU real-time period in microseconds",
  },
  "cpu-rt-runtime": {
    ...resourceFlags["cpu-rt-runtime"],
    help: "Limit the CPU real-time runtime in microseconds",
  },
  "cpu-shares": resourceFlags["cpu-shares"],
  cpus: resourceFlags.cpus,
  "cpuset-cpus": resourceFlags["cpuset-cpus"],
  "cpuset-mems": resourceFlags["cpuset-mems"],
  "kernel-memory": resourceFlags["kernel-memory"],
  memory: resourceFlags.memory,
  "memory-reservation": resourceFlags["memory-reservation"],
  "memory-swap": {
    ...resourceFlags["memory-swap"],
    help: "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
  },
  "pids-limit": resourceFlags["pids-limit"],
  restart: stringFlag("Restart policy to apply when a container exits", {
    complete: ["always", "no", "on-failure", "unless-stopped"],
  }),
};

/**
 * Docker's part of the request. Zeros say "as it is", but for the limit of processes.
 *
 * @throws {InvalidArgumentError} In docker's words.
 */
export function planLimits(
  values: LimitValues,
  isSet: (name: string) => boolean,
): Readonly<Record<string, unknown>> {
  return {
    BlkioWeight: values["blkio-weight"],
    ...planCommonLimits(values),
    ...(isSet("kernel-memory") ? { KernelMemory: values["kernel-memory"] } : {}),
    ...(isSet("pids-limit") ? { PidsLimit: values["pids-limit"] } : {}),
    RestartPolicy: parseRestartPolicy(values.restart),
  };
}
