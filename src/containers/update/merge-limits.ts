import { ConflictError } from "#base/errors.ts";
import type { Resources } from "#spec/engine-api/host-config.ts";

type Limits = Pick<Resources, "CpuPeriod" | "CpuQuota" | "Memory" | "MemorySwap" | "NanoCpus">;

/**
 * Puts the limits of an update over those a container has.
 *
 * @throws {ConflictError} They contradict: with Docker's texts, and where Docker leaves it to the kernel
 *   (less memory and swap than memory) with those of `create`.
 */
export function mergeLimits<Have extends Resources>(have: Have, wanted: Partial<Resources>): Have {
  checkCpu(have, wanted);
  const memory = wanted.Memory ?? 0;
  if (memory !== 0 && wanted.MemorySwap === undefined && memory > have.MemorySwap) {
    throw new ConflictError(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const merged: Have = { ...have, ...wanted };
  checkSwap(merged);
  return merged;
}

/** `--cpus` is a quota over a period of its own: one of the two ways for the life of a container. */
function checkCpu(have: Limits, wanted: Partial<Limits>): void {
  const refuse = (what: string, present: string): never => {
    throw new ConflictError(
      `Conflicting options: ${what} cannot be updated as ${present} has already been set`,
    );
  };
  if ((wanted.NanoCpus ?? 0) > 0) {
    if (have.CpuPeriod > 0) refuse("Nano CPUs", "CPU Period");
    if (have.CpuQuota > 0) refuse("Nano CPUs", "CPU Quota");
  }
  if (have.NanoCpus <= 0) return;
  if ((wanted.CpuPeriod ?? 0) > 0) refuse("CPU Period", "NanoCPUs");
  if ((wanted.CpuQuota ?? 0) > 0) refuse("CPU Quota", "NanoCPUs");
}

function checkSwap({ Memory: memory, MemorySwap: swap }: Limits): void {
  if (swap <= 0) return;
  if (memory === 0) {
    throw new ConflictError(
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    );
  }
  if (swap < memory) {
    throw new ConflictError(
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    );
  }
}
