import { LABEL } from "#compose/labels.ts";
import { networkHash, serviceHash, volumeHash } from "#compose/model/hash.ts";
import type { Network, Project, Service, Volume } from "#compose/model/project.ts";
import type { Observed, ObservedContainer } from "#compose/observe/observed.ts";
import { dependencyOrder, madeBefore } from "./dependency-order.ts";

export interface UpOptions {
  /** `diverged` as the file says, `never` leaves what is there, `force` makes all anew. */
  readonly recreate: "diverged" | "never" | "force";
  /** The same for services that were not named but are needed. */
  readonly recreateDependencies: "diverged" | "never" | "force";
  /** Those that were named; none for all. */
  readonly services: readonly string[];
  /** By service, over the file's. */
  readonly scale: ReadonlyMap<string, number>;
  /** Ids of the images as they are now, by reference; undefined where there is none. */
  readonly imageIds: ReadonlyMap<string, string>;
  readonly removesOrphans: boolean;
}

export type ResourceStep<T> = {
  /** In the file. */
  readonly key: string;
  readonly name: string;
  readonly wanted: T;
} & (
  | { readonly action: "keep" | "create" }
  | { readonly action: "recreate"; readonly why: string; readonly id: string }
);

/** What is to become of one container of a service. */
export type ContainerStep = {
  readonly service: string;
  readonly name: string;
  readonly number: number;
} & (
  | { readonly action: "create"; readonly why: string }
  | { readonly action: "keep"; readonly current: ObservedContainer }
  | { readonly action: "restart"; readonly why: string; readonly current: ObservedContainer }
  | { readonly action: "recreate"; readonly why: string; readonly current: ObservedContainer }
  | { readonly action: "remove"; readonly why: string; readonly current: ObservedContainer }
);

/** What `up` will do, and why. It does exactly this. */
export interface UpPlan {
  readonly networks: readonly ResourceStep<Network>[];
  readonly volumes: readonly ResourceStep<Volume>[];
  /** In the order in which services are started. */
  readonly containers: readonly ContainerStep[];
  /** Containers of services that the file does not know; those to be removed are steps. */
  readonly orphans: readonly ObservedContainer[];
  /** Resources that are said to be there and are not: nothing can be done. */
  readonly missing: readonly { readonly kind: "network" | "volume"; readonly name: string }[];
}

/** Decides what brings an engine to what the project says. Pure. */
export function planUp(project: Project, observed: Observed, options: UpOptions): UpPlan {
  const missing: UpPlan["missing"][number][] = [];
  const networks = [...project.networks].flatMap(([key, wanted]): ResourceStep<Network>[] => {
    const name = wanted.name ?? key;
    const there = observed.networks.get(name);
    if (wanted.external) {
      const isBuiltIn = name === "host" || name === "none" || name === "bridge";
      if (!there && !isBuiltIn) missing.push({ kind: "network", name });
      return [];
    }
    return [resourceStep({ key, name, wanted }, there, networkHash(wanted))];
  });
  const volumes = [...project.volumes].flatMap(([key, wanted]): ResourceStep<Volume>[] => {
    const name = wanted.name ?? key;
    const there = observed.volumes.get(name);
    if (wanted.external) {
      if (!there) missing.push({ kind: "volume", name });
      return [];
    }
    return [resourceStep({ key, name, wanted }, there, volumeHash(wanted))];
  });
  const renewed = new Set(
    networks.filter(({ action }) => action === "recreate").map(({ name }) => name),
  );
  const containers = planContainers(project, observed, options, renewed);
  const known = new Set([...project.services.keys(), ...project.disabledServices.keys()]);
  const orphans = observed.containers.filter(({ service }) => !known.has(service));
  const removed = options.removesOrphans
    ? orphans.map((current): ContainerStep => ({ ...remove(current, "orphan") }))
    : [];
  return { networks, volumes, containers: [...removed, ...containers], orphans, missing };
}

function resourceStep<T>(
  resource: { readonly key: string; readonly name: string; readonly wanted: T },
  there: { readonly id: string; readonly labels: Readonly<Record<string, string>> } | undefined,
  hash: string,
): ResourceStep<T> {
  if (!there) return { ...resource, action: "create" };
  const before = there.labels[LABEL.configHash];
  // what no compose made, or one that wrote no hash, is left as it is
  if (before === undefined || before === hash) return { ...resource, action: "keep" };
  return { ...resource, action: "recreate", why: "its definition changed", id: there.id };
}

function remove(current: ObservedContainer, why: string): ContainerStep {
  const { service, name, number } = current;
  return { service, name, number, action: "remove", why, current };
}

function planContainers(
  project: Project,
  observed: Observed,
  options: UpOptions,
  renewedNetworks: ReadonlySet<string>,
): readonly ContainerStep[] {
  const steps: ContainerStep[] = [];
  const renewedServices = new Set<string>();
  for (const name of dependencyOrder(project)) {
    const service = project.services.get(name);
    if (!service) continue;
    const before = madeBefore(project, name).find((other) => renewedServices.has(other));
    const forced =
      before === undefined ? undefined : `it shares with ${before}, which is made anew`;
    const planned = planService(name, service, {
      project,
      options,
      renewedNetworks,
      forced,
      current: observed.containers.filter((container) => container.service === name),
    });
    const restarted = [...(service.depends_on ?? [])].find(
      ([other, { restart }]) => restart === true && renewedServices.has(other),
    );
    steps.push(
      ...planned.map((step): ContainerStep => {
        if (step.action !== "keep" || !restarted) return step;
        return { ...step, action: "restart", why: `${restarted[0]} is made anew` };
      }),
    );
    if (planned.some(({ action }) => action === "recreate")) renewedServices.add(name);
  }
  return steps;
}

interface ServiceSurroundings {
  readonly project: Project;
  readonly options: UpOptions;
  readonly renewedNetworks: ReadonlySet<string>;
  /** Why it must be made anew whatever it says itself. */
  readonly forced: string | undefined;
  /** By number. */
  readonly current: readonly ObservedContainer[];
}

function planService(
  name: string,
  service: Service,
  surroundings: ServiceSurroundings,
): readonly ContainerStep[] {
  const { project, options, current } = surroundings;
  const wanted = scaleOf(name, service, options.scale);
  const judged = current.map((container) => ({
    container,
    why: whyRenew(name, service, container, surroundings),
  }));
  // what is out of date goes first, then the highest numbers
  const order = judged.toSorted((left, right) => {
    const isOld = Number(left.why !== undefined) - Number(right.why !== undefined);
    return isOld || left.container.number - right.container.number;
  });
  const kept = new Set(order.slice(0, wanted));
  const steps: ContainerStep[] = judged.map((each): ContainerStep => {
    const { container, why } = each;
    const base = { service: name, name: container.name, number: container.number };
    if (!kept.has(each)) return remove(container, `scaled to ${wanted}`);
    if (why === undefined) return { ...base, action: "keep", current: container };
    const wantedName = containerName(project, name, service, container.number);
    return { ...base, name: wantedName, action: "recreate", why, current: container };
  });
  const taken = new Set(current.map(({ number }) => number));
  for (let number = 1, made = kept.size; made < wanted; number++) {
    if (taken.has(number)) continue;
    made++;
    const step = { service: name, name: containerName(project, name, service, number), number };
    steps.push({ ...step, action: "create", why: "it is not there" });
  }
  return steps;
}

export function scaleOf(
  name: string,
  service: Service,
  asked: ReadonlyMap<string, number>,
): number {
  return asked.get(name) ?? service.scale ?? service.deploy?.replicas ?? 1;
}

export function containerName(
  project: Project,
  name: string,
  service: Service,
  number: number,
): string {
  return service.container_name ?? `${project.name}-${name}-${number}`;
}

/** @returns Why the container is not what the file says; undefined where it is, or may stay. */
function whyRenew(
  name: string,
  service: Service,
  container: ObservedContainer,
  { options, forced, project, renewedNetworks }: ServiceSurroundings,
): string | undefined {
  const isNamed = options.services.length === 0 || options.services.includes(name);
  const policy = isNamed ? options.recreate : options.recreateDependencies;
  if (policy === "never") return undefined;
  if (policy === "force") return "asked for";
  if (forced !== undefined) return forced;
  if (container.configHash !== serviceHash(service)) return "its configuration changed";
  const imageId = options.imageIds.get(service.image ?? "");
  if (imageId !== undefined && container.imageId !== "" && imageId !== container.imageId) {
    return `its image ${service.image ?? ""} is another one now`;
  }
  if (container.state === "dead") return "it is dead";
  const networkName = [...(service.networks?.keys() ?? [])]
    .map((key) => project.networks.get(key)?.name ?? key)
    .find((each) => renewedNetworks.has(each));
  return networkName === undefined ? undefined : `its network ${networkName} is made anew`;
}
