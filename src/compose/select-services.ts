import { NotFoundError } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import type { Project, Service } from "./model/project.ts";

/**
 * Parts the services that a profile keeps out. A service that is named is in, whatever its profiles say.
 *
 * @param active `*` for all.
 */
export function withProfiles(
  project: Project,
  active: readonly string[],
  named: readonly string[],
): Project {
  const isIn = (name: string, { profiles = [] }: Service): boolean =>
    profiles.length === 0 ||
    active.includes("*") ||
    profiles.some((profile) => active.includes(profile)) ||
    named.includes(name);
  const all = [...project.services];
  return {
    ...project,
    services: new Map(all.filter(([name, service]) => isIn(name, service))),
    disabledServices: new Map(all.filter(([name, service]) => !isIn(name, service))),
  };
}

/**
 * The named services and, where wanted, all that they need.
 *
 * @param named None for all services.
 * @throws {NotFoundError} There is no such service, with the nearest one.
 */
export function withServices(
  project: Project,
  named: readonly string[],
  options: { readonly withDependencies: boolean },
): Project {
  if (named.length === 0) return project;
  const wanted = new Set<string>();
  const add = (name: string): void => {
    if (wanted.has(name)) return;
    const service = project.services.get(name);
    if (!service) throw noSuchService(project, name);
    wanted.add(name);
    if (!options.withDependencies) return;
    for (const [other, { required }] of service.depends_on ?? []) {
      if (required !== false || project.services.has(other)) add(other);
    }
  };
  for (const name of named) add(name);
  const all = [...project.services];
  const others = all.filter(([name]) => !wanted.has(name));
  return {
    ...project,
    services: new Map(all.filter(([name]) => wanted.has(name))),
    // still the project's: their containers are nobody's orphans
    disabledServices: new Map([...project.disabledServices, ...others]),
  };
}

export function noSuchService(project: Project, name: string): NotFoundError {
  const nearest = nearestWord(name, [...project.services.keys()]);
  return new NotFoundError(
    `no such service: ${name}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
  );
}

/** Only what its services use of networks, volumes, secrets and configs. */
export function withoutUnused(project: Project): Project {
  const used = { networks: new Set<string>(), volumes: new Set<string>() };
  const secrets = new Set<string>();
  const configs = new Set<string>();
  const models = new Set<string>();
  for (const service of project.services.values()) {
    for (const name of service.networks?.keys() ?? []) used.networks.add(name);
    for (const { type, source } of service.volumes ?? []) {
      if (type === "volume" && source !== undefined) used.volumes.add(source);
    }
    for (const { source = "" } of [...(service.secrets ?? []), ...(service.build?.secrets ?? [])]) {
      secrets.add(source);
    }
    for (const { source = "" } of service.configs ?? []) configs.add(source);
    for (const name of service.models?.keys() ?? []) models.add(name);
  }
  const only = <T>(all: ReadonlyMap<string, T>, names: ReadonlySet<string>): Map<string, T> =>
    new Map([...all].filter(([name]) => names.has(name)));
  return {
    ...project,
    networks: only(project.networks, used.networks),
    volumes: only(project.volumes, used.volumes),
    secrets: only(project.secrets, secrets),
    configs: only(project.configs, configs),
    models: only(project.models, models),
  };
}
