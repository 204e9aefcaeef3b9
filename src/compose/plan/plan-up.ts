import { imageOf } from "#compose/build/targets.ts";
import { LABEL } from "#compose/labels.ts";
import { networkHash, volumeHash } from "#compose/model/hash.ts";
import type { Network, Project, Service, Volume } from "#compose/model/project.ts";
import type { Observed, ObservedContainer, ObservedResource } from "#compose/observe/observed.ts";
import { type Change, changesOf } from "./changes.ts";
import { containerHash, firstOf } from "./container-hash.ts";
import { containerRequest } from "./container-request.ts";
import { dependencyOrder, madeBefore } from "./dependency-order.ts";
import type { JsonObject } from "./json.ts";
import {
  settingsOfListedNetwork,
  settingsOfListedVolume,
  settingsOfNetwork,
  settingsOfVolume,
} from "./resource-settings.ts";
import { settingsOfContainer, settingsOfRequest } from "./settings.ts";

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
  /** Of this tool, as it stands in labels: who wrote a hash. */
  readonly version: string;
}

export type ResourceStep<T> = {
  /** In the file. */
  readonly key: string;
  readonly name: string;
  readonly wanted: T;
} & (
  | { readonly action: "keep" | "create" }
  | {
      readonly action: "recreate";
      readonly why: string;
      readonly id: string;
      readonly changes: readonly Change[];
    }
);

/** What is to become of one container of a service. */
export type ContainerStep = {
  readonly service: string;
  readonly name: string;
  readonly number: number;
} & (
  | { readonly action: "create"; readonly why: string }
  | {
      readonly action: "keep";
      readonly current: ObservedContainer;
      /** What the user should know of it though it stays. */
      readonly warning?: string;
    }
  | { readonly action: "restart"; readonly why: string; readonly current: ObservedContainer }
  | {
      readonly action: "recreate";
      readonly why: string;
      readonly current: ObservedContainer;
      readonly changes: readonly Change[];
    }
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
  readonly missing: readonly {
    readonly kind: "network" | "volume";
    /** In the file. */
    readonly key: string;
    readonly name: string;
  }[];
}

/** Decides what brings an engine to what the project says. Pure. */
export function planUp(project: Project, observed: Observed, options: UpOptions): UpPlan {
  const missing: UpPlan["missing"][number][] = [];
  const networks = [...project.networks].flatMap(([key, wanted]): ResourceStep<Network>[] => {
    const name = wanted.name ?? key;
    const there = observed.networks.get(name);
    if (wanted.external) {
      const isBuiltIn = name === "host" || name === "none" || name === "bridge";
      if (!there && !isBuiltIn) missing.push({ kind: "network", key, name });
      return [];
    }
    return [
      resourceStep({ key, name, wanted }, there, networkHash(wanted), (definition) =>
        changesOf(settingsOfListedNetwork(definition, wanted), settingsOfNetwork(wanted)),
      ),
    ];
  });
  const volumes = [...project.volumes].flatMap(([key, wanted]): ResourceStep<Volume>[] => {
    const name = wanted.name ?? key;
    const there = observed.volumes.get(name);
    if (wanted.external) {
      if (!there) missing.push({ kind: "volume", key, name });
      return [];
    }
    return [
      resourceStep({ key, name, wanted }, there, volumeHash(wanted), (definition) =>
        changesOf(settingsOfListedVolume(definition), settingsOfVolume(wanted)),
      ),
    ];
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
  there: ObservedResource | undefined,
  hash: string,
  changes: (definition: JsonObject) => readonly Change[],
): ResourceStep<T> {
  if (!there) return { ...resource, action: "create" };
  const before = there.labels[LABEL.configHash];
  // what no compose made, or one that wrote no hash, is left as it is
  if (before === undefined || before === hash) return { ...resource, action: "keep" };
  return {
    ...resource,
    action: "recreate",
    why: "its definition changed",
    id: there.id,
    changes: changes(there.definition),
  };
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
      observed,
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
  readonly observed: Observed;
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
  const leftovers = current.filter((container) => isLeftover(container, current));
  const steady = current.filter((container) => !leftovers.includes(container));
  const judged = steady.map((container) => ({
    container,
    verdict: judge(name, service, container, surroundings),
  }));
  // what is out of date goes first, then the highest numbers
  const order = judged.toSorted((left, right) => {
    const isOld = Number(left.verdict.isRenewed) - Number(right.verdict.isRenewed);
    return isOld || left.container.number - right.container.number;
  });
  const kept = new Set(order.slice(0, wanted));
  const steps = leftovers.map((container) =>
    remove(container, "left over of an update that was interrupted"),
  );
  const stepOf = (each: (typeof judged)[number]): ContainerStep => {
    const { container, verdict } = each;
    const base = { service: name, name: container.name, number: container.number };
    if (!kept.has(each)) return remove(container, `scaled to ${wanted}`);
    if (!verdict.isRenewed) {
      const { warning } = verdict;
      const kept = { ...base, action: "keep", current: container } as const;
      return warning === undefined ? kept : { ...kept, warning };
    }
    const { why, changes } = verdict;
    const wantedName = containerName(project, name, service, container.number);
    return { ...base, name: wantedName, action: "recreate", why, changes, current: container };
  };
  steps.push(...judged.map(stepOf));
  const taken = new Set(current.map(({ number }) => number));
  for (let number = 1, made = kept.size; made < wanted; number++) {
    if (taken.has(number)) continue;
    made++;
    const step = { service: name, name: containerName(project, name, service, number), number };
    steps.push({ ...step, action: "create", why: "it is not there" });
  }
  return steps;
}

/** Made to take the place of one that is still there: whoever made it was interrupted. */
function isLeftover(
  { name, labels }: ObservedContainer,
  all: readonly ObservedContainer[],
): boolean {
  const replaced = labels[LABEL.replace];
  return (
    replaced !== undefined && replaced !== name && all.some((other) => other.name === replaced)
  );
}

export function scaleOf(
  name: string,
  service: Service,
  asked: ReadonlyMap<string, number>,
): number {
  if (service.provider) return 0; // no container of the engine
  return asked.get(name) ?? service.scale ?? service.deploy?.replicas ?? 1;
}

export function containerName(
  project: Project,
  name: string,
  service: Service,
  number: number,
): string {
  const { separator = "-" } = project;
  return service.container_name ?? [project.name, name, number].join(separator);
}

/** Whether a container is made anew, and why; one that stays may be worth a word. */
type Verdict =
  | { readonly isRenewed: false; readonly warning?: string }
  | { readonly isRenewed: true; readonly why: string; readonly changes: readonly Change[] };

const KEPT: Verdict = { isRenewed: false };
/** Writes the same hashes as this tool. */
const HASHED_ALIKE = /^2\.40\./;

function judge(
  name: string,
  service: Service,
  container: ObservedContainer,
  surroundings: ServiceSurroundings,
): Verdict {
  const { options, forced, project, renewedNetworks } = surroundings;
  const isNamed = options.services.length === 0 || options.services.includes(name);
  const policy = isNamed ? options.recreate : options.recreateDependencies;
  const renewed = (why: string, changes: readonly Change[] = []): Verdict => ({
    isRenewed: true,
    why,
    changes,
  });
  if (policy === "never") return KEPT;
  if (policy === "force") return renewed("asked for");
  if (forced !== undefined) return renewed(forced);
  const replaced = container.labels[LABEL.replace];
  if (
    replaced !== undefined &&
    replaced !== container.name &&
    /^[0-9a-f]{12}_/.test(container.name)
  ) {
    return renewed("the update that made it was interrupted");
  }
  let warning: string | undefined;
  const hash = containerHash(service, firstOf(surroundings.observed.containers));
  if (container.configHash !== hash) {
    const changes = changesOfContainer(project, name, container, surroundings.observed);
    const writer = container.labels[LABEL.version] ?? "";
    const isAlike = writer === "" || writer === options.version || HASHED_ALIKE.test(writer);
    if (isAlike || changes === undefined || changes.length > 0) {
      return renewed("its configuration changed", changes);
    }
    warning = `${container.name} was made by compose ${writer}, whose hash is another one; it is what the file says, and stays`;
  }
  const reference = imageOf(project, name, service);
  const imageId = options.imageIds.get(reference);
  if (imageId !== undefined && container.imageId !== "" && imageId !== container.imageId) {
    const change = { key: "image", from: container.imageId, to: imageId };
    return renewed(`its image ${reference} is another one now`, [change]);
  }
  if (container.state === "dead") return renewed("it is dead");
  const networkName = [...(service.networks?.keys() ?? [])]
    .map((key) => project.networks.get(key)?.name ?? key)
    .find((each) => renewedNetworks.has(each));
  if (networkName !== undefined) return renewed(`its network ${networkName} is made anew`);
  return warning === undefined ? KEPT : { isRenewed: false, warning };
}

/** @returns Undefined where it was not looked into. */
export function changesOfContainer(
  project: Project,
  serviceName: string,
  container: ObservedContainer,
  observed: Pick<Observed, "containers" | "details">,
): readonly Change[] | undefined {
  const details = observed.details?.get(container.id);
  const service = project.services.get(serviceName);
  if (!details || !service) return undefined;
  const request = containerRequest({
    project,
    serviceName,
    service: { ...service, image: imageOf(project, serviceName, service) },
    containerName: containerName(project, serviceName, service, container.number),
    number: container.number,
    configHash: "",
    imageId: undefined,
    version: "",
    containerOf: firstOf(observed.containers),
  });
  return changesOf(settingsOfContainer(details), settingsOfRequest(request, details.imageConfig));
}
