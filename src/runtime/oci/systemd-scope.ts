import type { Spec } from "#spec/oci-runtime.ts";

/*
 * With systemd the runtime asks for a scope, and on cgroup v2 crun puts the container into a group below it:
 * systemd keeps writing its own values (none, for what it was not told) into the scope's files, and not below.
 * Up to 1.19 crun does so on its own, since then only when told; runc tells systemd the limits instead.
 */

/** The group below the scope, named for all versions of crun alike. */
const SUBGROUP = "container";

/** Largest uint64, which systemd reads as "infinity". */
const INFINITY = "uint64 18446744073709551615";

/** Where the container's limits and counters are, below the hierarchies' roots. */
export function scopedCgroupPath(cgroupPath: string): string {
  return `${cgroupPath}/${SUBGROUP}`;
}

/**
 * The specification for crun with systemd on cgroup v2. The scope itself limits nothing: systemd's default for
 * processes would undercut a larger `--pids-limit`. A scope that has failed (an OOM kill counts) goes away as
 * well, or the container could not start again under its name.
 */
export function withScope(spec: Spec): Spec {
  return {
    ...spec,
    annotations: {
      ...spec.annotations,
      "run.oci.systemd.subgroup": SUBGROUP,
      "org.systemd.property.TasksMax": INFINITY,
      "org.systemd.property.CollectMode": "'inactive-or-failed'",
    },
  };
}
