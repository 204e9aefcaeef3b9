import { parse, resolve } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import type { Build, Project, Service } from "#compose/model/project.ts";

/** A service that is to be built. */
export interface BuildTarget {
  readonly name: string;
  readonly service: Service;
  readonly build: Build;
  /** Its image's reference. */
  readonly image: string;
}

const SERVICE_CONTEXT = "service:";

/** The reference of a service's image: what is built has the service's name. */
export function imageOf(
  project: Pick<Project, "name" | "separator">,
  name: string,
  service: Pick<Service, "image">,
): string {
  return service.image ?? `${project.name}${project.separator ?? "-"}${name}`;
}

/**
 * What has to be built for the named services: themselves, and those whose image they take files from.
 *
 * @param named None for all of the project.
 */
export function buildTargets(
  project: Project,
  named: readonly string[],
): ReadonlyMap<string, BuildTarget> {
  const found = new Map<string, BuildTarget>();
  const add = (name: string): void => {
    const service = project.services.get(name) ?? project.disabledServices.get(name);
    if (found.has(name) || !service?.build) return;
    const { build } = service;
    found.set(name, { name, service, build, image: imageOf(project, name, service) });
    for (const other of serviceContexts(build)) add(other);
  };
  for (const name of named.length > 0 ? named : project.services.keys()) add(name);
  return found;
}

/** Services whose image is a context of the build: `additional_contexts: {base: service:base}`. */
export function serviceContexts({ additional_contexts: contexts }: Build): readonly string[] {
  return [...(contexts?.values() ?? [])].flatMap((place) => serviceOfContext(place) ?? []);
}

/** The service that `service:base` names; undefined for another place. */
export function serviceOfContext(place: string): string | undefined {
  return place.startsWith(SERVICE_CONTEXT) ? place.slice(SERVICE_CONTEXT.length) : undefined;
}

/**
 * Which targets have to be there before each one: those of its contexts, and those whose image its Dockerfile names.
 *
 * @param textOf A Dockerfile's text; undefined where it cannot be read from here.
 */
export function builtBefore(
  targets: ReadonlyMap<string, BuildTarget>,
  textOf: (target: BuildTarget) => string | undefined,
): ReadonlyMap<string, readonly string[]> {
  const names = new Map(
    [...targets.values()].flatMap(({ name, image, build }) =>
      [image, ...(build.tags ?? [])].map((tag): [string, string] => [withTag(tag), name]),
    ),
  );
  const before = new Map(
    [...targets.values()].map((target): [string, readonly string[]] => {
      const used = imagesNamed(textOf(target) ?? "").map((image) => names.get(withTag(image)));
      const all = [...serviceContexts(target.build), ...used];
      const others = all.filter((one) => one !== undefined && one !== target.name);
      return [target.name, [...new Set(others.filter((one) => one !== undefined))]];
    }),
  );
  refuseCircles(before);
  return before;
}

/** Images after `FROM` and in `--from=`, as they are written: those with variables are nobody's. */
function imagesNamed(dockerfile: string): readonly string[] {
  const found = dockerfile.matchAll(
    /^\s*FROM\s+(?:--\S+\s+)*(\S+)|--from=(\S+)|\bfrom=([^\s,]+)/gim,
  );
  return [...found].map(([, from, copied, mounted]) => from ?? copied ?? mounted ?? "");
}

function withTag(reference: string): string {
  return /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
}

function refuseCircles(before: ReadonlyMap<string, readonly string[]>): void {
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) {
      const circle = [...way.slice(way.indexOf(name)), name].join(" -> ");
      throw new InvalidArgumentError(`builds wait for each other: ${circle}`);
    }
    for (const other of before.get(name) ?? []) visit(other, [...way, name]);
  };
  for (const name of before.keys()) visit(name, []);
}

/** Whether the files are elsewhere: a repository or an archive. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|git@|github\.com\/|ssh:\/\/)/.test(context);
}

/** The Dockerfile's path: absolute, or in a context that is elsewhere. */
export function dockerfilePath({ context = ".", dockerfile = "Dockerfile" }: Build): string {
  if (isRemoteContext(context) || parse(dockerfile).root !== "") return dockerfile;
  return resolve(context, dockerfile);
}
