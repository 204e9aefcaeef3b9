import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import { parsePlatform, type Platform } from "#spec/platform.ts";

/** Frontend attributes as BuildKit's `dockerfile.v0` has them: how to build, as a flat map of strings. */
export type FrontendAttributes = Readonly<Record<string, string>>;

export interface BuildUlimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** The attributes, read. */
export interface BuildOptions {
  /** Path of the Dockerfile in its source. */
  readonly fileName: string;
  /** Stage; the last when absent. */
  readonly target?: string;
  /** What to build for; the host's when empty. */
  readonly platforms: readonly Platform[];
  /** All steps are done anew, or those of these stages. */
  readonly noCache: "none" | "all" | readonly string[];
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME` or `NAME::os/arch` to `docker-image://…`, `local:…`, a URL, `target:…`. */
  readonly namedContexts: ReadonlyMap<string, string>;
  /** The main context where it is no folder of the client's: a URL. */
  readonly context?: string;
  /** Names of the folders that hold the context and the Dockerfile. */
  readonly contextKey: string;
  readonly dockerfileKey: string;
  /** `HOST:IP`. */
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number;
  readonly ulimits: readonly BuildUlimit[];
  readonly cgroupParent: string;
  readonly hostname: string;
  /** Of all RUN steps that ask for no other. */
  readonly network: string;
  readonly pulls: boolean;
  /** Build argument `SOURCE_DATE_EPOCH`. */
  readonly sourceDateSeconds?: number;
  readonly limits: BuildLimits;
}

/** Limits of each RUN; 0 and empty are none. */
export interface BuildLimits {
  readonly memoryBytes: number;
  readonly memorySwapBytes: number;
  readonly cpuShares: number;
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
}

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/**
 * Reads the attributes of a build.
 *
 * @param host Platform to build for when none is named.
 * @throws {InvalidArgumentError} Naming the attribute.
 */
export function readBuildOptions(attributes: FrontendAttributes, host: Platform): BuildOptions {
  const text = (name: string): string => attributes[name] ?? "";
  const prefixed = (prefix: string): ReadonlyMap<string, string> =>
    new Map(
      Object.entries(attributes)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  const integer = (name: string): number => readInteger(name, text(name));
  const noCache = attributes["no-cache"];
  const target = text("target");
  const sourceDateSeconds = parseSourceDate(text("build-arg:SOURCE_DATE_EPOCH"));
  return {
    fileName: text("filename") || "Dockerfile",
    ...(target === "" ? {} : { target }),
    platforms: splitList(text("platform")).map((platform) => parsePlatform(platform, host)),
    noCache: noCache === undefined ? "none" : noCache === "" ? "all" : splitList(noCache),
    buildArgs: prefixed("build-arg:"),
    labels: Object.fromEntries(prefixed("label:")),
    namedContexts: prefixed("context:"),
    ...(text("context") === "" ? {} : { context: text("context") }),
    contextKey: text("contextkey") || "context",
    dockerfileKey: text("dockerfilekey") || "dockerfile",
    extraHosts: splitList(text("add-hosts")).map(toExtraHost),
    shmSizeBytes:
      text("shm-size") === "" ? DEFAULT_SHM_BYTES : readSize("shm-size", text("shm-size")),
    ulimits: splitList(text("ulimit")).map(readUlimit),
    cgroupParent: text("cgroup-parent"),
    hostname:
      text("hostname") || attributes["build-arg:BUILDKIT_SANDBOX_HOSTNAME"] || "buildkitsandbox",
    network: text("force-network-mode") || "default",
    pulls: text("image-resolve-mode") === "pull",
    ...(sourceDateSeconds === undefined ? {} : { sourceDateSeconds }),
    limits: {
      memoryBytes: text("memory") === "" ? 0 : readSize("memory", text("memory")),
      memorySwapBytes: text("memswap") === "-1" ? -1 : readSize("memswap", text("memswap") || "0"),
      cpuShares: integer("cpushares"),
      cpuPeriod: integer("cpuperiod"),
      cpuQuota: integer("cpuquota"),
      cpusetCpus: text("cpusetcpus"),
      cpusetMems: text("cpusetmems"),
    },
  };
}

/**
 * Reads `SOURCE_DATE_EPOCH`: seconds since 1970.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 * @throws {InvalidArgumentError} Anything else.
 */
export function parseSourceDate(text: string): number | undefined {
  if (text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)} is no number of seconds since 1970`,
  );
}

function splitList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function readInteger(name: string, text: string): number {
  if (text === "") return 0;
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Cannot read ${name}: ${JSON.stringify(text)} is no number`);
}

function readSize(name: string, text: string): number {
  try {
    return parseBinarySize(text);
  } catch (cause) {
    throw new InvalidArgumentError(`Cannot read ${name}: ${JSON.stringify(text)} is no size`, {
      cause,
    });
  }
}

/** BuildKit writes `host=ip`. */
function toExtraHost(text: string): string {
  const at = text.indexOf("=");
  return at < 0 ? text : `${text.slice(0, at)}:${text.slice(at + 1)}`;
}

/** `nofile=1024:2048` */
function readUlimit(text: string): BuildUlimit {
  const [, name = "", soft = "", hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (name === "") throw new InvalidArgumentError(`invalid ulimit argument: ${text}`);
  return { name, soft: Number(soft), hard: Number(hard) };
}
