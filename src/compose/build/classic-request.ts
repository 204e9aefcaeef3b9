import { UnsupportedError } from "#base/errors.ts";
import type { Build, Project, Ulimit } from "#compose/model/project.ts";
import { type BuildOptions, buildArguments, labelsOf, platformOf } from "./options.ts";
import type { BuildTarget } from "./targets.ts";

/** The query of `POST /build`. */
export type ClassicQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Keys of `build` that the classic API has no place for. */
const BUILDKIT_KEYS = [
  "additional_contexts",
  "cache_to",
  "entitlements",
  "no_cache_filter",
  "privileged",
  "provenance",
  "sbom",
  "secrets",
  "ssh",
] as const satisfies readonly (keyof Build)[];

/**
 * What is asked of an engine without BuildKit for one service. Pure.
 *
 * @param proxies Of the user, below what the file says.
 * @throws {UnsupportedError} A key that only BuildKit has: passed over, the build would be another.
 */
export function classicQuery(
  project: Project,
  target: BuildTarget,
  options: BuildOptions,
  proxies: ReadonlyMap<string, string>,
): ClassicQuery {
  const { name, build, image } = target;
  refuseBuildKitKeys(project, name, build, options);
  const args = buildArguments(project, build, options.args, proxies);
  const cacheFrom = build.cache_from ?? [];
  const memory = options.memoryBytes > 0 ? String(options.memoryBytes) : undefined;
  const platform = platformOf(project, target, options);
  if (platform?.includes(",")) {
    refuse(project, name, "platforms", "several platforms need BuildKit");
  }
  return {
    t: [...(build.tags ?? []), image],
    rm: "1",
    nocache: options.isUncached || build.no_cache === true ? "1" : undefined,
    pull: options.pulls || build.pull === true ? "1" : undefined,
    target: build.target || undefined,
    platform: platform || undefined,
    networkmode: build.network ?? "default",
    extrahosts: [...(build.extra_hosts ?? [])].flatMap(([host, addresses]) =>
      addresses.map((address) => `${host}:${address}`),
    ),
    shmsize: build.shm_size === undefined ? undefined : String(build.shm_size),
    memory,
    ulimits: build.ulimits ? JSON.stringify([...build.ulimits].map(ulimitOf)) : undefined,
    buildargs: args.size > 0 ? JSON.stringify(Object.fromEntries(args)) : undefined,
    labels: JSON.stringify(labelsOf(project, target, options.version)),
    cachefrom: cacheFrom.length > 0 ? JSON.stringify(cacheFrom) : undefined,
  };
}

function refuseBuildKitKeys(
  project: Project,
  name: string,
  build: Build,
  options: BuildOptions,
): void {
  const isAsked = { ssh: options.ssh.size > 0, ...attestFlags(options) };
  for (const [flag, isOn] of Object.entries(isAsked)) {
    if (!isOn) continue;
    throw new UnsupportedError(`--${flag} needs BuildKit, which the engine has not`);
  }
  for (const key of BUILDKIT_KEYS) {
    if (isUsed(build[key])) refuse(project, name, key, "it needs BuildKit");
  }
}

function attestFlags({ provenance, sbom }: BuildOptions): Readonly<Record<string, boolean>> {
  return { provenance: isUsed(provenance), sbom: isUsed(sbom) };
}

function isUsed(value: Build[(typeof BUILDKIT_KEYS)[number]]): boolean {
  if (value === undefined || typeof value === "boolean") return value === true;
  if (typeof value === "string") return value !== "" && value !== "false";
  return (value instanceof Map ? value.size : [...value].length) > 0;
}

function refuse(project: Project, name: string, key: keyof Build, why: string): never {
  const place = project.locate(["services", name, "build", key]);
  throw new UnsupportedError(
    `${place}services.${name}.build.${key}: ${why}, which the engine has not, or DOCKER_BUILDKIT is 0`,
  );
}

function ulimitOf([name, limit]: readonly [string, Ulimit]): object {
  const { soft = 0, hard = 0 } = typeof limit === "number" ? { soft: limit, hard: limit } : limit;
  return { Name: name, Soft: soft, Hard: hard };
}
