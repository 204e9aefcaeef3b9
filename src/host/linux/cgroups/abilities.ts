import type { CgroupAbilities } from "#host/cgroups.ts";
import type { CgroupHierarchies } from "./hierarchies.ts";

/** How the hierarchies are looked into; undefined and empty for what is not there. */
export interface CgroupTree {
  /** @param path Absolute. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** Names of the groups directly below. */
  children(path: string): readonly string[];
}

/** What limits the controllers of this host keep. */
export function readAbilities(hierarchies: CgroupHierarchies, tree: CgroupTree): CgroupAbilities {
  return hierarchies.layout === "v2"
    ? abilitiesV2(hierarchies.v2 ?? "", tree)
    : abilitiesV1(hierarchies.v1, tree);
}

function abilitiesV1(v1: CgroupHierarchies["v1"], tree: CgroupTree): CgroupAbilities {
  const has = (controller: string, file: string): boolean => {
    const folder = v1.get(controller);
    return folder !== undefined && tree.exists(`${folder}/${file}`);
  };
  const cpuset = v1.get("cpuset");
  return {
    ...lists(cpuset, "", tree),
    memory: has("memory", "memory.limit_in_bytes"),
    memoryReservation: has("memory", "memory.soft_limit_in_bytes"),
    memorySwap: has("memory", "memory.memsw.limit_in_bytes"),
    memorySwappiness: has("memory", "memory.swappiness"),
    oomKillDisable: has("memory", "memory.oom_control"),
    cpuShares: has("cpu", "cpu.shares"),
    cpuQuota: has("cpu", "cpu.cfs_quota_us"),
    cpuRealtime: has("cpu", "cpu.rt_runtime_us"),
    pids: v1.has("pids"),
    blockIoWeight: has("blkio", "blkio.weight"),
    blockIoWeightDevice: has("blkio", "blkio.weight_device"),
    blockIoThrottle: has("blkio", "blkio.throttle.read_bps_device"),
  };
}

/** The root has no files for limits; a group below it that has the controller shows which there are. */
function abilitiesV2(v2: string, tree: CgroupTree): CgroupAbilities {
  const controllers = (tree.read(`${v2}/cgroup.controllers`) ?? "").trim().split(/\s+/);
  const has = (controller: string): boolean => controllers.includes(controller);
  const groups = tree.children(v2).map((name) => `${v2}/${name}`);
  const isShown = (controller: string, sign: string, file: string): boolean => {
    const group = groups.find((each) => tree.exists(`${each}/${sign}`));
    return has(controller) && (group === undefined || tree.exists(`${group}/${file}`));
  };
  return {
    ...(has("cpuset") ? lists(v2, ".effective", tree) : {}),
    memory: has("memory"),
    memoryReservation: has("memory"),
    memorySwap: isShown("memory", "memory.max", "memory.swap.max"),
    memorySwappiness: false,
    oomKillDisable: false,
    cpuShares: has("cpu"),
    cpuQuota: isShown("cpu", "cpu.weight", "cpu.max"),
    cpuRealtime: false,
    pids: has("pids"),
    blockIoWeight: has("io"),
    blockIoWeightDevice: has("io"),
    blockIoThrottle: isShown("io", "io.stat", "io.max"),
  };
}

function lists(
  folder: string | undefined,
  suffix: string,
  tree: CgroupTree,
): Pick<CgroupAbilities, "cpus" | "memoryNodes"> {
  if (folder === undefined) return {};
  const cpus = tree.read(`${folder}/cpuset.cpus${suffix}`)?.trim();
  const memoryNodes = tree.read(`${folder}/cpuset.mems${suffix}`)?.trim();
  return { ...(cpus ? { cpus } : {}), ...(memoryNodes ? { memoryNodes } : {}) };
}
