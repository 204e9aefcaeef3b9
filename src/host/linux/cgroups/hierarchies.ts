import type { CgroupLayout } from "#host/cgroups.ts";
import type { MountInfo } from "#host/mounts.ts";

/** Where this host's cgroups are. */
export interface CgroupHierarchies {
  readonly layout: CgroupLayout;
  /** Mount point by v1 controller; several may share one (`cpu` and `cpuacct`). */
  readonly v1: ReadonlyMap<string, string>;
  /** Mount points of v1 hierarchies without a controller, such as systemd's. */
  readonly named: readonly string[];
  /** Mount point of the v2 hierarchy. */
  readonly v2: string | undefined;
}

/**
 * Finds the hierarchies in the mount table. Of several mounts of one hierarchy the first counts: later ones
 * are binds into containers.
 *
 * @param controllers Names in /proc/cgroups: the other words of a v1 mount are its options.
 */
export function findHierarchies(
  mounts: readonly MountInfo[],
  controllers: readonly string[],
): CgroupHierarchies {
  const v1 = new Map<string, string>();
  const named = new Map<string, string>();
  let v2: string | undefined;
  for (const { fsType, target, superOptions } of mounts) {
    if (fsType === "cgroup2") v2 ??= target;
    if (fsType !== "cgroup") continue;
    for (const option of superOptions) {
      if (controllers.includes(option) && !v1.has(option)) v1.set(option, target);
      if (option.startsWith("name=") && !named.has(option)) named.set(option, target);
    }
  }
  const hasV1 = v1.size > 0 || named.size > 0;
  const layout = !hasV1 ? "v2" : v2 === undefined ? "v1" : "hybrid";
  return { layout, v1, named: [...named.values()], v2 };
}

/** Names in /proc/cgroups: `name hierarchy groups enabled`, under a heading. */
export function parseControllers(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t")[0] ?? "");
}
