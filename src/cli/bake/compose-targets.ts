import { normalize } from "node:path";
import type { Entry } from "#bake/definition/entries.ts";
import { entryOf, parseEntries } from "#bake/definition/entries.ts";
import { checkTargetName } from "#bake/definition/read-definition.ts";
import {
  type Definition,
  mergeFields,
  type Target,
  type TargetFields,
} from "#bake/definition/target.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { formatBinarySize } from "#base/sizes.ts";
import { isList, isMapping, type Tree } from "#compose/file/tree.ts";
import type { Build, Project, Service, Ulimit } from "#compose/model/project.ts";

/**
 * The services of a Compose project that are built, as targets, in one group.
 *
 * @param extensionOf `x-bake` of a service's `build`, as the file has it.
 * @throws {InvalidArgumentError} A service that no target can be called after, or a secret that is external.
 */
export function composeTargets(
  project: Project,
  extensionOf: (service: string) => Tree | undefined,
): Pick<Definition, "targets" | "groups"> {
  const all = [...project.services, ...project.disabledServices];
  const built = all
    .filter(([, { build }]) => build)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  const targets = built.map(([name, service]): Target => {
    const target = targetName(name);
    checkTargetName(target);
    const fields = fieldsOf(project, service);
    return { name: target, fields: withExtension(fields, extensionOf(name)) };
  });
  if (all.length === 0) return { targets: [], groups: [] };
  return { targets, groups: [{ name: "default", targets: targets.map(({ name }) => name) }] };
}

/** A service's name may have a dot, a target's may not. */
function targetName(service: string): string {
  return service.replaceAll(".", "_");
}

function fieldsOf(project: Project, service: Service): TargetFields {
  const build = service.build ?? {};
  const tags = build.tags ?? (service.image === undefined ? [] : [service.image]);
  const attest = [
    ...attestation("sbom", build.sbom),
    ...attestation("provenance", build.provenance),
  ];
  const fields: { readonly [Name in keyof TargetFields]: TargetFields[Name] | undefined } = {
    context: build.context,
    contexts: build.additional_contexts && contextsOf(build.additional_contexts),
    dockerfile: build.dockerfile,
    "dockerfile-inline": build.dockerfile_inline,
    args: build.args && argumentsOf(project, service, build.args),
    labels: build.labels && Object.fromEntries(build.labels),
    tags: tags.length > 0 ? tags : undefined,
    "cache-from": build.cache_from && parseEntries("cache", build.cache_from),
    "cache-to": build.cache_to && parseEntries("cache", build.cache_to),
    target: build.target,
    secret: build.secrets && secretsOf(project, build.secrets),
    ssh: build.ssh && sshOf(build.ssh),
    platforms: build.platforms,
    attest: attest.length > 0 ? attest : undefined,
    pull: build.pull || undefined,
    "no-cache": build.no_cache || undefined,
    network: build.network,
    "shm-size": build.shm_size === undefined ? undefined : formatBinarySize(build.shm_size),
    ulimits: build.ulimits && [...build.ulimits].map(ulimitText),
    entitlements: build.entitlements,
    "extra-hosts":
      build.extra_hosts &&
      Object.fromEntries([...build.extra_hosts].map(([host, all]) => [host, all.join(",")])),
  };
  const said = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  return Object.fromEntries(said);
}

function contextsOf(contexts: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...contexts].map(([name, place]) => {
      const [, other] = /^(?:service|target):(.*)$/.exec(place) ?? [];
      if (other !== undefined) return [name, `target:${targetName(other)}`];
      return [name, /^\.{1,2}\//.test(place) ? normalize(place) : place];
    }),
  );
}

/** A name without a value takes the service's variable, else the environment's, else it is left out. */
function argumentsOf(
  project: Project,
  { environment }: Service,
  args: NonNullable<Build["args"]>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...args].flatMap(([name, value]) => {
      const known = value ?? environment?.get(name) ?? project.environment.get(name);
      return known === undefined || known === null ? [] : [[name, known]];
    }),
  );
}

function secretsOf(project: Project, secrets: NonNullable<Build["secrets"]>): readonly Entry[] {
  return secrets.map(({ source = "" }) => {
    const secret = project.secrets.get(source);
    if (secret?.external) throw new InvalidArgumentError(`unsupported external secret ${source}`);
    return entryOf("secret", {
      id: source,
      src: secret?.file === undefined ? "" : normalize(secret.file),
      env: secret?.environment ?? "",
    });
  });
}

function sshOf(ssh: NonNullable<Build["ssh"]>): readonly Entry[] {
  return [...ssh]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([id, path]) => entryOf("ssh", { id, paths: path ? [path] : [] }));
}

function ulimitText([name, limit]: readonly [string, Ulimit]): string {
  const { soft = 0, hard = 0 } = typeof limit === "number" ? { soft: limit, hard: limit } : limit;
  return `${name}=${soft}:${hard}`;
}

function attestation(type: string, value: string | undefined): readonly Entry[] {
  if (value === undefined || value === "") return [];
  const isSwitch = /^(?:true|false|1|0)$/.test(value);
  const isOn = value === "true" || value === "1";
  return parseEntries("attest", [`type=${type},${isSwitch ? `disabled=${!isOn}` : value}`]);
}

function textsOf(tree: Tree | undefined): readonly string[] {
  if (isList(tree)) return tree.map(String);
  return typeof tree === "string" ? tree.split(/\s+/).filter((word) => word !== "") : [];
}

/** With the fields that Compose does not have. */
function withExtension(fields: TargetFields, extension: Tree | undefined): TargetFields {
  if (!isMapping(extension)) return fields;
  const texts = (name: string): readonly string[] => textsOf(extension.get(name));
  const flag = (name: string): boolean | undefined => {
    const value = extension.get(name);
    return typeof value === "boolean" ? value : undefined;
  };
  const contexts = extension.get("contexts");
  const more = {
    "cache-from": parseEntries("cache", texts("cache-from")),
    "cache-to": [...(fields["cache-to"] ?? []), ...parseEntries("cache", texts("cache-to"))],
    secret: parseEntries("secret", texts("secret")),
    ssh: parseEntries("ssh", texts("ssh")),
    tags: [...new Set([...(fields.tags ?? []), ...texts("tags")])],
    platforms: [...new Set([...(fields.platforms ?? []), ...texts("platforms")])],
    output: parseEntries("output", texts("output")),
    pull: flag("pull"),
    "no-cache": flag("no-cache"),
    "no-cache-filter": texts("no-cache-filter"),
    contexts: isMapping(contexts)
      ? {
          ...contextsOf(
            new Map(
              [...contexts].map(([name, value]) => [name, typeof value === "string" ? value : ""]),
            ),
          ),
          ...fields.contexts,
        }
      : undefined,
  };
  const said = Object.entries(more).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return mergeFields(fields, Object.fromEntries(said));
}
