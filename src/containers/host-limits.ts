import { InvalidArgumentError } from "#base/errors.ts";
import type { CgroupAbilities } from "#host/cgroups.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";

/**
 * What of the wanted limits this host can keep: the weights of block I/O go with a warning where the
 * kernel has none (v1 lost them with its CFQ scheduler), as Docker has it.
 *
 * @throws {InvalidArgumentError} CPUs or memory nodes that are not there, with Docker's texts.
 */
export function fitToHost(
  wanted: HostConfig,
  abilities: CgroupAbilities,
): { readonly hostConfig: HostConfig; readonly warnings: readonly string[] } {
  checkList("CPUs", wanted.CpusetCpus, abilities.cpus);
  checkList("memory nodes", wanted.CpusetMems, abilities.memoryNodes);
  const warnings: string[] = [];
  let hostConfig = wanted;
  if (wanted.BlkioWeight > 0 && !abilities.blockIoWeight) {
    warnings.push(
      "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    );
    hostConfig = { ...hostConfig, BlkioWeight: 0 };
  }
  if (wanted.BlkioWeightDevice.length > 0 && !abilities.blockIoWeightDevice) {
    warnings.push(
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    );
    hostConfig = { ...hostConfig, BlkioWeightDevice: [] };
  }
  return { hostConfig, warnings };
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
