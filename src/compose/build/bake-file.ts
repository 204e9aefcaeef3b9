import type { Project, Ulimit } from "#compose/model/project.ts";
import { type BuildOptions, buildArguments, labelsOf, platformOf } from "./request.ts";
import { type BuildTarget, dockerfilePath, imageOf } from "./targets.ts";

/** What is built as a file for `docker buildx bake`, as `docker compose build --print` has it. */
export function bakeFile(
  project: Project,
  targets: ReadonlyMap<string, BuildTarget>,
  options: BuildOptions & {
    readonly isPushed: boolean;
    readonly isChecked: boolean;
    readonly provenance: string;
    readonly sbom: string;
  },
): object {
  const names = [...targets.keys()].toSorted();
  return {
    group: { default: { targets: [...targets.keys()] } },
    target: Object.fromEntries(
      names.flatMap((name) => {
        const target = targets.get(name);
        return target ? [[name, bakeTarget(project, target, options)] as const] : [];
      }),
    ),
  };
}

function bakeTarget(
  project: Project,
  target: BuildTarget,
  options: Parameters<typeof bakeFile>[2],
): object {
  const { build, name, image, service } = target;
  const args = buildArguments(project, build, options);
  const ssh = [...(build.ssh ?? []), ...options.ssh];
  const list = <Item>(items: readonly Item[] | undefined): readonly Item[] | undefined =>
    items && items.length > 0 ? items : undefined;
  const platform = platformOf(project, target, options);
  const isSeveral = platform?.includes(",") ?? false;
  const type =
    options.isPushed && service.image !== undefined
      ? "type=registry"
      : isSeveral
        ? "type=image,push=false"
        : "type=docker";
  const attest = (["provenance", "sbom"] as const).flatMap((kind) => {
    const value = options[kind] || build[kind];
    if (!value || value === "false") return [];
    return [value === "true" ? `type=${kind}` : `type=${kind},${value}`];
  });
  return {
    context: build.context,
    contexts: build.additional_contexts && contextsOf(build.additional_contexts),
    dockerfile: build.dockerfile_inline === undefined ? dockerfilePath(build) : undefined,
    "dockerfile-inline": build.dockerfile_inline?.replace(/\$\{/g, "$${"),
    args: args.size > 0 ? sorted(args) : undefined,
    labels: sorted(new Map(Object.entries(labelsOf(project, name, build, options.version)))),
    tags: [...(build.tags ?? []), image],
    "cache-from": list(build.cache_from),
    "cache-to": list(build.cache_to),
    target: build.target,
    secret: list(
      (build.secrets ?? []).map(({ source = "", target: id }) => {
        const { file, environment } = project.secrets.get(source) ?? {};
        const place = file === undefined ? `env=${environment ?? ""}` : `src=${file}`;
        return `id=${id || source},type=${file === undefined ? "env" : "file"},${place}`;
      }),
    ),
    ssh: list(ssh.map(([id, path]) => `${id}=${path ?? ""}`)),
    platforms: platform === undefined ? undefined : platform.split(","),
    pull: options.pulls || build.pull || undefined,
    "no-cache": options.isUncached || build.no_cache || undefined,
    network: build.network,
    "shm-size": build.shm_size === undefined ? undefined : String(build.shm_size),
    ulimits: list([...(build.ulimits ?? [])].map(ulimitText)),
    entitlements: list([
      ...(build.entitlements ?? []),
      ...(build.privileged ? ["security.insecure"] : []),
    ]),
    "extra-hosts": hostsOf(build.extra_hosts),
    output: options.isChecked ? undefined : [type],
    attest: list(attest),
    call: options.isChecked ? "lint" : undefined,
  };

  function contextsOf(all: ReadonlyMap<string, string>): object {
    const entries = [...all].map(([key, value]): [string, string] => {
      const other = value.startsWith("service:") ? value.slice("service:".length) : undefined;
      if (other === undefined) return [key, value];
      const found = project.services.get(other) ?? project.disabledServices.get(other);
      if (!found || found.build) return [key, `target:${other}`];
      return [key, `docker-image://${imageOf(project, other, found)}`];
    });
    return sorted(new Map(entries));
  }
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
