import { InvalidArgumentError } from "#base/errors.ts";
import type { FailedState } from "#build-client/debug/failed-run.ts";
import type { FlagsOf } from "#cli/container/create-request/fields.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import {
  boolFlag,
  customFlag,
  intFlag,
  listFlag,
  stringFlag,
  stringSliceFlag,
} from "#cli/command/flags.ts";
import type { Ulimit } from "#spec/engine-api/host-config.ts";

import { debugFlag } from "./debug/debug-flag.ts";

/** What is to be done with the Dockerfile. */
export interface BuildCall {
  /** `build`, `check`, `outline`, `targets`, or another that the engine's frontend has. */
  readonly method: string;
  readonly format: "text" | "json";
}

/** How a build is told of. */
export type ProgressMode = "auto" | "none" | "plain" | "quiet" | "rawjson" | "tty";

export interface BuildValues {
  readonly "add-host": readonly string[];
  readonly allow: readonly string[];
  readonly annotation: readonly string[];
  readonly attest: readonly string[];
  readonly "build-arg": readonly string[];
  readonly "build-context": readonly string[];
  readonly "cache-from": readonly string[];
  readonly "cache-to": readonly string[];
  readonly call: BuildCall;
  readonly "cgroup-parent": string;
  readonly check: boolean;
  readonly compress: boolean;
  readonly "cpu-period": number;
  readonly "cpu-quota": number;
  readonly "cpu-shares": number;
  readonly "cpuset-cpus": string;
  readonly "cpuset-mems": string;
  readonly debug: FailedState | undefined;
  readonly "disable-content-trust": boolean;
  readonly file: string;
  readonly "force-rm": boolean;
  readonly iidfile: string;
  readonly isolation: string;
  readonly label: readonly string[];
  readonly load: boolean;
  readonly memory: number;
  readonly "memory-swap": number;
  readonly "metadata-file": string;
  readonly network: string;
  readonly "no-cache": boolean;
  readonly "no-cache-filter": readonly string[];
  readonly output: readonly string[];
  readonly platform: readonly string[];
  readonly progress: ProgressMode;
  readonly provenance: string;
  readonly pull: boolean;
  readonly push: boolean;
  readonly format: "text" | "json";
  readonly quiet: boolean;
  readonly why: boolean;
  readonly rm: boolean;
  readonly sbom: string;
  readonly secret: readonly string[];
  readonly "security-opt": readonly string[];
  readonly "shm-size": number;
  readonly squash: boolean;
  readonly ssh: readonly string[];
  readonly tag: readonly string[];
  readonly target: string;
  readonly ulimit: readonly Ulimit[];
}

const manyFlag = (
  help: string,
  options: Parameters<typeof listFlag>[1] = {},
): ReturnType<typeof listFlag> => listFlag(help, { type: "stringArray", ...options });

export const buildFlags: FlagsOf<BuildValues> = {
  "add-host": stringSliceFlag('Add a custom host-to-IP mapping (format: "host:ip")'),
  allow: manyFlag(
    'Allow extra privileged entitlement (e.g., "network.host", "security.insecure", "device")',
  ),
  annotation: manyFlag("Add annotation to the image"),
  attest: manyFlag('Attestation parameters (format: "type=sbom,generator=image")'),
  "build-arg": manyFlag("Set build-time variables"),
  "build-context": manyFlag("Additional build contexts (e.g., name=path)"),
  "cache-from": manyFlag(
    'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")',
  ),
  "cache-to": manyFlag(
    'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")',
  ),
  call: customFlag<BuildCall>(
    "string",
    'Set method for evaluating build ("check", "outline", "targets"), and how it tells ("check,format=json")',
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
  debug: debugFlag(),
  "disable-content-trust": boolFlag("Skip image verification (deprecated)", {
    default: true,
    hidden: true,
  }),
  file: stringFlag('Name of the Dockerfile (default: "PATH/Dockerfile")', {
    short: "f",
    complete: "files",
  }),
  "force-rm": boolFlag("Always remove intermediate containers"),
  iidfile: stringFlag("Write the image ID to a file", { complete: "files" }),
  isolation: stringFlag("Container isolation technology"),
  label: manyFlag("Set metadata for an image"),
  load: boolFlag('Shorthand for "--output=type=docker"'),
  memory: resourceFlags.memory,
  "memory-swap": resourceFlags["memory-swap"],
  "metadata-file": stringFlag("Write build result metadata to a file", { complete: "files" }),
  network: stringFlag('Set the networking mode for the "RUN" instructions during build', {
    default: "default",
  }),
  "no-cache": boolFlag("Do not use cache when building the image"),
  "no-cache-filter": manyFlag("Do not cache specified stages"),
  output: manyFlag('Output destination (format: "type=local,dest=path")', { short: "o" }),
  platform: manyFlag("Set target platform for build"),
  progress: customFlag<ProgressMode>(
    "string",
    'Set type of progress output ("auto", "none",  "plain", "quiet", "rawjson", "tty"). Use plain to show container output',
    "auto",
    "auto",
    (text) => parseProgress(text),
    { complete: ["auto", "none", "plain", "quiet", "rawjson", "tty"] },
  ),
  provenance: stringFlag('Shorthand for "--attest=type=provenance"'),
  pull: boolFlag("Always attempt to pull all referenced images"),
  push: boolFlag('Shorthand for "--output=type=registry"'),
  why: boolFlag("Say for every step why it was not taken from the cache"),
  format: customFlag<"text" | "json">(
    "string",
    'How --why tells ("text", "json")',
    "text",
    "text",
    (text) => {
      if (text === "text" || text === "json") return text;
      throw new InvalidArgumentError(`there are text and json`);
    },
  ),
  quiet: boolFlag("Suppress the build output and print image ID on success", { short: "q" }),
  rm: boolFlag("Remove intermediate containers after a successful build", { default: true }),
  sbom: stringFlag('Shorthand for "--attest=type=sbom"'),
  secret: manyFlag('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  "security-opt": stringSliceFlag("Security options"),
  "shm-size": resourceFlags["shm-size"],
  squash: boolFlag("Squash newly built layers into a single new layer"),
  ssh: manyFlag(
    'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")',
  ),
  tag: manyFlag('Name and optionally a tag (format: "name:tag")', { short: "t" }),
  target: stringFlag("Set the target build stage to build"),
  ulimit: customFlag<readonly Ulimit[]>(
    "ulimit",
    "Ulimit options",
    "[]",
    [],
    resourceFlags.ulimit.parse,
  ),
};

/** @throws {InvalidArgumentError} An option that there is not. */
function parseCall(text: string): BuildCall {
  const [method = "", ...options] = text.split(",").map((part) => part.trim());
  const format = options.map((option) => /^format=(.*)$/.exec(option)?.[1])[0] ?? "text";
  if (options.length > 1 || (options.length === 1 && format !== "text" && format !== "json")) {
    throw new InvalidArgumentError(
      `invalid call option ${JSON.stringify(options.join(","))}: use format=text or format=json`,
    );
  }
  const name = method === "" ? "build" : method === "lint" ? "check" : method;
  return { method: name, format: format === "json" ? "json" : "text" };
}

/** @throws {InvalidArgumentError} In buildx's words. */
export function parseProgress(text: string): ProgressMode {
  switch (text) {
    case "":
      return "auto";
    case "auto":
    case "none":
    case "plain":
    case "quiet":
    case "rawjson":
    case "tty":
      return text;
    default:
      throw new InvalidArgumentError(`invalid progress mode ${text}`);
  }
}

/** What `--check` and `--call` together ask for. */
export function callOf({ call, check }: Pick<BuildValues, "call" | "check">): BuildCall {
  return check ? { ...call, method: "check" } : call;
}
