import { InvalidArgumentError } from "#base/errors.ts";
import type { QueryValue } from "#client/query.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import type { FlagsOf } from "#cli/container/create-request/fields.ts";
import {
  boolFlag,
  customFlag,
  intFlag,
  listFlag,
  stringFlag,
  stringSliceFlag,
} from "#cli/flags.ts";
import type { Ulimit } from "#spec/engine-api/host-config.ts";

/** What is to be done with the Dockerfile. */
export interface BuildCall {
  readonly method: "build" | "check";
  readonly format: "text" | "json";
}

export interface BuildValues {
  readonly "add-host": readonly string[];
  readonly "build-arg": readonly string[];
  readonly "cache-from": readonly string[];
  readonly call: BuildCall;
  readonly "cgroup-parent": string;
  readonly check: boolean;
  readonly compress: boolean;
  readonly "cpu-period": number;
  readonly "cpu-quota": number;
  readonly "cpu-shares": number;
  readonly "cpuset-cpus": string;
  readonly "cpuset-mems": string;
  readonly "disable-content-trust": boolean;
  readonly file: string;
  readonly "force-rm": boolean;
  readonly iidfile: string;
  readonly isolation: string;
  readonly label: readonly string[];
  readonly memory: number;
  readonly "memory-swap": number;
  readonly network: string;
  readonly "no-cache": boolean;
  readonly platform: string;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly rm: boolean;
  readonly "security-opt": readonly string[];
  readonly "shm-size": number;
  readonly squash: boolean;
  readonly tag: readonly string[];
  readonly target: string;
  readonly ulimit: readonly Ulimit[];
}

export const buildFlags: FlagsOf<BuildValues> = {
  "add-host": listFlag('Add a custom host-to-IP mapping ("host:ip")'),
  "build-arg": listFlag("Set build-time variables"),
  "cache-from": stringSliceFlag("Images to consider as cache sources"),
  call: customFlag<BuildCall>(
    "string",
    'Set method for evaluating build ("build", "check"), and how it tells ("check,format=json")',
    "build",
    { method: "build", format: "text" },
    (text) => parseCall(text),
  ),
  "cgroup-parent": stringFlag('Set the parent cgroup for the "RUN" instructions during build'),
  check: boolFlag('Shorthand for "--call=check"'),
  compress: boolFlag("Compress the build context using gzip"),
  "cpu-period": intFlag("Limit the CPU CFS (Completely Fair Scheduler) period", { type: "int64" }),
  "cpu-quota": intFlag("Limit the CPU CFS (Completely Fair Scheduler) quota", { type: "int64" }),
  "cpu-shares": intFlag("CPU shares (relative weight)", { type: "int64", short: "c" }),
  "cpuset-cpus": stringFlag("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": stringFlag("MEMs in which to allow execution (0-3, 0,1)"),
  "disable-content-trust": boolFlag("Skip image verification (deprecated)", {
    default: true,
    hidden: true,
  }),
  file: stringFlag('Name of the Dockerfile (Default is "PATH/Dockerfile")', {
    short: "f",
    complete: "files",
  }),
  "force-rm": boolFlag("Always remove intermediate containers"),
  iidfile: stringFlag("Write the image ID to the file"),
  isolation: stringFlag("Container isolation technology"),
  label: listFlag("Set metadata for an image"),
  memory: resourceFlags.memory,
  "memory-swap": resourceFlags["memory-swap"],
  network: stringFlag("Set the networking mode for the RUN instructions during build", {
    default: "default",
  }),
  "no-cache": boolFlag("Do not use cache when building the image"),
  platform: stringFlag("Set platform if server is multi-platform capable"),
  pull: boolFlag("Always attempt to pull a newer version of the image"),
  quiet: boolFlag("Suppress the build output and print image ID on success", { short: "q" }),
  rm: boolFlag("Remove intermediate containers after a successful build", { default: true }),
  "security-opt": stringSliceFlag("Security options"),
  "shm-size": resourceFlags["shm-size"],
  squash: boolFlag("Squash newly built layers into a single new layer"),
  tag: listFlag('Name and optionally a tag in the "name:tag" format', { short: "t" }),
  target: stringFlag("Set the target build stage to build."),
  ulimit: customFlag<readonly Ulimit[]>(
    "ulimit",
    "Ulimit options",
    "[]",
    [],
    resourceFlags.ulimit.parse,
  ),
};

/** @throws {InvalidArgumentError} Another method or format. */
function parseCall(text: string): BuildCall {
  const [method = "", ...options] = text.split(",").map((part) => part.trim());
  if (method === "outline" || method === "targets") {
    throw new InvalidArgumentError(`Cannot call ${method}: there are build and check`);
  }
  if (!["", "build", "check", "lint"].includes(method)) {
    throw new InvalidArgumentError(`unknown call ${JSON.stringify(method)}: use build or check`);
  }
  const format = options.map((option) => /^format=(.*)$/.exec(option)?.[1])[0] ?? "text";
  if (options.length > 1 || (options.length === 1 && format !== "text" && format !== "json")) {
    throw new InvalidArgumentError(
      `invalid call option ${JSON.stringify(options.join(","))}: use format=text or format=json`,
    );
  }
  return {
    method: method === "check" || method === "lint" ? "check" : "build",
    format: format === "json" ? "json" : "text",
  };
}

/** What `--check` and `--call` together ask for. */
export function callOf({ call, check }: Pick<BuildValues, "call" | "check">): BuildCall {
  return check ? { ...call, method: "check" } : call;
}

/**
 * The query of `POST /build`.
 *
 * @param env A `--build-arg NAME` without a value takes it from here.
 * @throws {InvalidArgumentError} A flag that builds do not have here.
 */
export function buildQuery(
  flags: BuildValues,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, QueryValue>> {
  if (flags["security-opt"].length > 0) {
    throw new InvalidArgumentError("Cannot build with --security-opt: steps run with the defaults");
  }
  if (flags.isolation !== "" && flags.isolation !== "default") {
    throw new InvalidArgumentError(
      `Cannot build with --isolation ${flags.isolation}: there is only "default" on Linux`,
    );
  }
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
    platform: optional(flags.platform),
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
