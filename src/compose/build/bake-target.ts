import type { Entry } from "#bake/definition/entries.ts";
import type { FieldName, TargetFields } from "#bake/definition/target.ts";
import type { Build, Project, Ulimit } from "#compose/model/project.ts";
import { type BuildOptions, buildArguments, labelsOf, platformOf } from "./options.ts";
import { type BuildTarget, dockerfilePath, imageOf, serviceOfContext } from "./targets.ts";

/**
 * A service's build as a target of `docker buildx bake`: the keys and texts that docker compose gives it. Entries are texts
 * yet.
 */
export type BakeTarget = {
  readonly [Name in Exclude<FieldName, "annotations" | "description" | "inherits">]?: NonNullable<
    TargetFields[Name]
  > extends readonly Entry[]
    ? readonly string[]
    : TargetFields[Name];
};

/**
 * What is built for a service, in docker compose's order of keys.
 *
 * @throws {InvalidArgumentError} The service is for a platform that is not built.
 */
export function bakeTarget(
  project: Project,
  target: BuildTarget,
  options: BuildOptions,
): BakeTarget {
  const { build, image } = target;
  const args = buildArguments(project, build, options.args);
  const platforms = platformOf(project, target, options)?.split(",");
  const ssh = [...(build.ssh ?? []), ...options.ssh];
  const isInline = build.dockerfile_inline !== undefined;
  const fields: { readonly [Name in keyof BakeTarget]: BakeTarget[Name] | undefined } = {
    context: build.context,
    contexts: build.additional_contexts && contextsOf(project, build.additional_contexts),
    dockerfile: isInline ? undefined : dockerfilePath(build),
    "dockerfile-inline": build.dockerfile_inline,
    args: args.size > 0 ? sorted(args) : undefined,
    labels: sorted(new Map(Object.entries(labelsOf(project, target, options.version)))),
    tags: [...(build.tags ?? []), image],
    "cache-from": some(build.cache_from),
    "cache-to": some(build.cache_to),
    target: build.target || undefined,
    secret: some((build.secrets ?? []).map((one) => secretText(project, one))),
    ssh: some(ssh.map(([id, path]) => `${id}=${path ?? ""}`)),
    platforms,
    pull: options.pulls || build.pull || undefined,
    "no-cache": options.isUncached || build.no_cache || undefined,
    network: build.network || undefined,
    "no-cache-filter": some(build.no_cache_filter),
    "shm-size": build.shm_size === undefined ? undefined : String(build.shm_size),
    ulimits: some([...(build.ulimits ?? [])].map(ulimitText)),
    call: options.isChecked ? "lint" : undefined,
    entitlements: some([
      ...(build.entitlements ?? []),
      ...(build.privileged ? ["security.insecure"] : []),
    ]),
    "extra-hosts": hostsOf(build.extra_hosts),
    output: options.isChecked ? undefined : [outputOf(target, options, platforms ?? [])],
    attest: some(attestsOf(build)),
  };
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said);
}

function some<Item>(items: readonly Item[] | undefined): readonly Item[] | undefined {
  return items && items.length > 0 ? items : undefined;
}

function contextsOf(
  project: Project,
  contexts: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const entries = [...contexts].map(([key, place]): [string, string] => {
    const other = serviceOfContext(place);
    if (other === undefined) return [key, place];
    const found = project.services.get(other) ?? project.disabledServices.get(other);
    if (!found || found.build) return [key, `target:${bakeName(other)}`];
    return [key, `docker-image://${imageOf(project, other, found)}`];
  });
  return sorted(new Map(entries));
}

/** A service's name may have a dot, a target's may not. */
export function bakeName(service: string): string {
  return service.replaceAll(".", "_");
}

function secretText(
  project: Project,
  { source = "", target }: NonNullable<Build["secrets"]>[number],
): string {
  const { file, environment = "" } = project.secrets.get(source) ?? {};
  const id = field("id", target || source);
  if (file === undefined) return `${id},type=env,${field("env", environment)}`;
  return `${id},type=file,${field("src", file)}`;
}

/** In quotes, where the value would end the field. */
function field(key: string, value: string): string {
  const text = `${key}=${value}`;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function outputOf(
  { service }: BuildTarget,
  options: Pick<BuildOptions, "isPushed">,
  platforms: readonly string[],
): string {
  const isPushed = options.isPushed && service.image !== undefined;
  if (platforms.length > 1) return `type=image,push=${isPushed}`;
  return isPushed ? "type=registry" : "type=docker";
}

function attestsOf(build: Build): readonly string[] {
  return (["provenance", "sbom"] as const).flatMap((kind) => {
    const value = build[kind];
    if (!value || value === "false") return [];
    return [value === "true" ? `type=${kind}` : `type=${kind},${value}`];
  });
}

function ulimitText([kind, limit]: readonly [string, Ulimit]): string {
  if (typeof limit === "number") return `${kind}=${limit}`;
  return `${kind}=${limit.soft ?? 0}:${limit.hard ?? 0}`;
}

function hostsOf(
  hosts: ReadonlyMap<string, readonly string[]> | undefined,
): Readonly<Record<string, string>> | undefined {
  if (!hosts || hosts.size === 0) return undefined;
  return sorted(new Map([...hosts].map(([host, all]): [string, string] => [host, all.join(",")])));
}

function sorted(values: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...values].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
