import { readFileSync } from "node:fs";
import type { CgroupLayout } from "#host/cgroups.ts";

/** Whether the container of that cgroup is paused; false when it has no such cgroup. */
export function isFrozen(layout: CgroupLayout, cgroupPath: string): boolean {
  try {
    return layout === "v2"
      ? readFileSync(`/sys/fs/cgroup${cgroupPath}/cgroup.freeze`, "utf8").trim() === "1"
      : readFileSync(`/sys/fs/cgroup/freezer${cgroupPath}/freezer.state`, "utf8").trim() !==
          "THAWED";
  } catch {
    return false; // the cgroup is gone, or the host has no freezer
  }
}
