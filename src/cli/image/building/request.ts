import { InvalidArgumentError } from "#base/errors.ts";
import type { QueryValue } from "#client/query.ts";
import { type BuildValues, callOf } from "./flags.ts";

/** Flags that the classic API has no place for. */
const BUILDKIT_FLAGS = [
  "allow",
  "annotation",
  "attest",
  "build-context",
  "cache-to",
  "load",
  "metadata-file",
  "no-cache-filter",
  "output",
  "provenance",
  "push",
  "sbom",
  "secret",
  "ssh",
] as const satisfies readonly (keyof BuildValues)[];

/** @throws {InvalidArgumentError} By name: passed over, the build would be another. */
function checkClassic(flags: BuildValues): void {
  for (const name of BUILDKIT_FLAGS) {
    const value = flags[name];
    if (value === false || (value !== true && value.length === 0)) continue;
    throw new InvalidArgumentError(
      `Cannot build with --${name} by the classic API: the engine has no BuildKit, DOCKER_BUILDKIT is 0, or --squash is given`,
    );
  }
}

/**
 * The query of `POST /build`.
 *
 * @param env A `--build-arg NAME` without a value takes it from here.
 * @throws {InvalidArgumentError} A flag that only BuildKit has.
 */
export function buildQuery(
  flags: BuildValues,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, QueryValue>> {
  checkClassic(flags);
  const optional = (text: string): string | undefined => (text === "" ? undefined : text);
  const number = (value: number): string | undefined => (value === 0 ? undefined : String(value));
  return {
    call: callOf(flags).method === "check" ? "check" : undefined,
    t: flags.tag,
    q: flags.quiet,
    nocache: flags["no-cache"],
    pull: flags.pull,
    rm: flags.rm,
    forcerm: flags["force-rm"],
    squash: flags.squash,
    target: optional(flags.target),
    platform: optional(flags.platform.join(",")),
    networkmode: flags.network,
    extrahosts: flags["add-host"],
    cgroupparent: optional(flags["cgroup-parent"]),
    cpuperiod: number(flags["cpu-period"]),
    cpuquota: number(flags["cpu-quota"]),
    cpushares: number(flags["cpu-shares"]),
    cpusetcpus: optional(flags["cpuset-cpus"]),
    cpusetmems: optional(flags["cpuset-mems"]),
    memory: number(flags.memory),
    memswap: number(flags["memory-swap"]),
    shmsize: number(flags["shm-size"]),
    ulimits: flags.ulimit.length > 0 ? JSON.stringify(flags.ulimit) : undefined,
    buildargs: jsonMap(flags["build-arg"], (name) => env[name]),
    labels: jsonMap(flags.label, () => ""),
    cachefrom: flags["cache-from"].length > 0 ? JSON.stringify(flags["cache-from"]) : undefined,
  };
}

/** `NAME=value` rows as an object; `null` where a name has no value anywhere. */
function jsonMap(
  rows: readonly string[],
  missing: (name: string) => string | undefined,
): string | undefined {
  if (rows.length === 0) return undefined;
  const pairs = rows.map((row): readonly [string, string | null] => {
    const at = row.indexOf("=");
    return at < 0 ? [row, missing(row) ?? null] : [row.slice(0, at), row.slice(at + 1)];
  });
  return JSON.stringify(Object.fromEntries(pairs));
}
