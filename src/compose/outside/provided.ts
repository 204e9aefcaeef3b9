import type { Project, Service } from "#compose/model/project.ts";
import type { Observed } from "#compose/observe/observed.ts";

/** Variables that services get from what they depend on, by service. */
export type Provided = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Also those that are left out this time. */
export function allServices({
  services,
  disabledServices,
}: Pick<Project, "services" | "disabledServices">): readonly (readonly [string, Service])[] {
  return [...services, ...disabledServices];
}

/** What goes before the variables of a service's provider. */
export function prefixOf(serviceName: string): string {
  return `${serviceName.toUpperCase()}_`;
}

/** Services that have something from outside: of a provider that they depend on, or of a model. */
export function receivers(project: Project): ReadonlySet<string> {
  const found = [...project.services].filter(
    ([, service]) => (service.models?.size ?? 0) > 0 || providersOf(project, service).length > 0,
  );
  return new Set(found.map(([name]) => name));
}

/** Services of providers that a service depends on, also where they are left out this time. */
function providersOf(
  { services, disabledServices }: Pick<Project, "services" | "disabledServices">,
  { depends_on }: Service,
): readonly string[] {
  return [...(depends_on?.keys() ?? [])].filter(
    (name) => (services.get(name) ?? disabledServices.get(name))?.provider,
  );
}

/** The names of the variables by which a service knows a model. */
export function modelVariables(
  model: string,
  asked: { readonly endpoint_var?: string; readonly model_var?: string } | null,
): { readonly endpoint: string; readonly model: string } {
  const prefix = model.toUpperCase().replaceAll("-", "_");
  return {
    endpoint: asked?.endpoint_var ?? `${prefix}_URL`,
    model: asked?.model_var ?? `${prefix}_MODEL`,
  };
}

/** The project with those variables in its services' environments, over what the file says. */
export function withProvided(project: Project, provided: Provided): Project {
  if (provided.size === 0) return project;
  const services = [...project.services].map(([name, service]): [string, Service] => {
    const variables = provided.get(name);
    if (variables === undefined || variables.size === 0) return [name, service];
    const environment = new Map<string, string | null>([
      ...(service.environment ?? []),
      ...variables,
    ]);
    return [name, { ...service, environment }];
  });
  return { ...project, services: new Map(services) };
}

/**
 * What providers and models said when the containers were made, for those that are not asked now.
 *
 * @param details Of the containers of services that receive something.
 * @param asked Services of providers that are asked.
 */
export function assumeProvided(
  project: Project,
  { containers, details = new Map() }: Pick<Observed, "containers" | "details">,
  asked: ReadonlySet<string> = new Set(),
): Provided {
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const name of receivers(project)) {
    const service = project.services.get(name) ?? {};
    const container = containers.find((each) => each.service === name && details.has(each.id));
    const known = container === undefined ? undefined : details.get(container.id);
    if (known === undefined) continue;
    const ofImage = variablesIn(known.imageConfig["Env"]);
    const prefixes = providersOf(project, service)
      .filter((provider) => !asked.has(provider))
      .map(prefixOf);
    const named = new Set(
      [...(service.models ?? [])].flatMap(([model, asked]) =>
        Object.values(modelVariables(model, asked)),
      ),
    );
    const own = [...variablesIn(known.config["Env"])].filter(
      ([variable]) =>
        !ofImage.has(variable) &&
        (named.has(variable) ||
          (!service.environment?.has(variable) &&
            prefixes.some((prefix) => variable.startsWith(prefix)))),
    );
    found.set(name, new Map(own));
  }
  return found;
}

function variablesIn(list: unknown): ReadonlyMap<string, string> {
  const entries = Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
  return new Map(
    entries.map((entry): [string, string] => {
      const at = entry.indexOf("=");
      return at === -1 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

/** Both; the second one's values go before. */
export function bothProvided(below: Provided, over: Provided): Provided {
  const names = new Set([...below.keys(), ...over.keys()]);
  return new Map(
    [...names].map((name) => [
      name,
      new Map([...(below.get(name) ?? []), ...(over.get(name) ?? [])]),
    ]),
  );
}
