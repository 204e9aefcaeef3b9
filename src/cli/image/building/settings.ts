import { InvalidArgumentError } from "#base/errors.ts";
import type { BuildSettings } from "#build-client/plan/settings.ts";
import type { BuildValues } from "./flags.ts";

/** @throws {InvalidArgumentError} A flag that builds do not have here. */
export function settingsOf(flags: BuildValues, context: string): BuildSettings {
  if (flags["security-opt"].length > 0) {
    throw new InvalidArgumentError("Cannot build with --security-opt: steps run with the defaults");
  }
  if (flags.isolation !== "" && flags.isolation !== "default") {
    throw new InvalidArgumentError(
      `Cannot build with --isolation ${flags.isolation}: there is only "default" on Linux`,
    );
  }
  return {
    context,
    file: flags.file,
    addHosts: flags["add-host"],
    allow: flags.allow,
    annotations: flags.annotation,
    attests: flags.attest,
    provenance: flags.provenance,
    sbom: flags.sbom,
    buildArgs: flags["build-arg"],
    contexts: flags["build-context"],
    cacheFrom: flags["cache-from"],
    cacheTo: flags["cache-to"],
    cgroupParent: flags["cgroup-parent"],
    labels: flags.label,
    network: flags.network,
    hasNoCache: flags["no-cache"],
    noCacheFilter: flags["no-cache-filter"],
    outputs: flags.output,
    platforms: flags.platform,
    pulls: flags.pull,
    pushes: flags.push,
    loads: flags.load,
    secrets: flags.secret,
    ssh: flags.ssh,
    shmSizeBytes: flags["shm-size"],
    tags: flags.tag,
    target: flags.target,
    ulimits: flags.ulimit,
    more: limitsOf(flags),
  };
}

/** Limits of steps, which BuildKit's frontend does not have and ours does. */
export function limitsOf(flags: BuildValues): Readonly<Record<string, string>> {
  const limits = {
    memory: flags.memory,
    memswap: flags["memory-swap"],
    cpushares: flags["cpu-shares"],
    cpuperiod: flags["cpu-period"],
    cpuquota: flags["cpu-quota"],
    cpusetcpus: flags["cpuset-cpus"],
    cpusetmems: flags["cpuset-mems"],
  };
  return Object.fromEntries(
    Object.entries(limits).flatMap(([name, value]) =>
      value === 0 || value === "" ? [] : [[name, String(value)]],
    ),
  );
}
