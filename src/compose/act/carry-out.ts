import { NotFoundError } from "#base/errors.ts";
import { imageOf } from "#compose/build/targets.ts";
import { LABEL } from "#compose/labels.ts";
import { networkHash, volumeHash } from "#compose/model/hash.ts";
import type { Network, Project, Service, Volume } from "#compose/model/project.ts";
import type { Observed, ObservedContainer } from "#compose/observe/observed.ts";
import { containerHash } from "#compose/plan/container-hash.ts";
import { containerRequest } from "#compose/plan/container-request.ts";
import { madeBefore } from "#compose/plan/dependency-order.ts";
import type { JsonObject } from "#compose/plan/json.ts";
import type { ContainerStep, ResourceStep, UpPlan } from "#compose/plan/plan-up.ts";
import type { ActParts } from "./act-parts.ts";
import { injectFileObjects } from "./file-objects.ts";
import { removeContainer, stopOf } from "./stop-containers.ts";

export interface CarryOutOptions {
  /** Ids by reference. */
  readonly imageIds: ReadonlyMap<string, string>;
  /** Of this tool, for the labels. */
  readonly version: string;
  /** Anonymous volumes are made anew, too. */
  readonly renewsVolumes: boolean;
  /** Over the grace period of each service. */
  readonly timeoutSeconds: number | undefined;
  /** Names of containers that stay for now, of which nothing is said. */
  readonly quietlyKept?: ReadonlySet<string>;
}

/** Ids of the containers of each service, as they are after the plan. */
export type MadeContainers = ReadonlyMap<string, readonly MadeContainer[]>;

export interface MadeContainer {
  readonly id: string;
  readonly name: string;
  /** Since it was made. */
  readonly hasRun: boolean;
}

/** Makes the networks and volumes that the plan says. */
export async function makeResources(
  project: Project,
  observed: Observed,
  plan: UpPlan,
  parts: ActParts,
  options: CarryOutOptions,
): Promise<void> {
  await Promise.all([
    ...plan.networks.map((step) => makeNetwork(project, observed, step, parts, options)),
    ...plan.volumes.map((step) => makeVolume(project, step, parts, options)),
  ]);
}

/** Takes away the containers that the plan says. */
export async function removePlanned(
  project: Project,
  plan: UpPlan,
  parts: ActParts,
  options: CarryOutOptions,
): Promise<void> {
  const removals = plan.containers.filter((step) => step.action === "remove");
  await Promise.all(
    removals.map((step) =>
      parts.slots.run(async () => {
        const service = project.services.get(step.service);
        await stopOf(service, step.current, options.timeoutSeconds, parts);
        await removeContainer(step.current, { withVolumes: false }, parts);
      }),
    ),
  );
}

async function makeNetwork(
  project: Project,
  observed: Observed,
  step: ResourceStep<Network>,
  parts: ActParts,
  options: CarryOutOptions,
): Promise<void> {
  if (step.action === "keep") return;
  const { engine, onProgress } = parts;
  const { name, key, wanted } = step;
  if (step.action === "recreate") {
    const inside = observed.containers.filter(({ networks }) => networks.has(name));
    for (const { id } of inside) {
      await engine.send("POST", `/networks/${step.id}/disconnect`, {
        json: { Container: id, Force: true },
      });
    }
    await engine.send("DELETE", `/networks/${step.id}`);
  }
  onProgress({ kind: "Network", name, status: "Creating" });
  await engine.send("POST", "/networks/create", {
    json: {
      Name: name,
      Driver: wanted.driver ?? "",
      Internal: wanted.internal ?? false,
      Attachable: wanted.attachable ?? false,
      ...(wanted.enable_ipv4 === undefined ? {} : { EnableIPv4: wanted.enable_ipv4 }),
      ...(wanted.enable_ipv6 === undefined ? {} : { EnableIPv6: wanted.enable_ipv6 }),
      ...(wanted.driver_opts ? { Options: Object.fromEntries(wanted.driver_opts) } : {}),
      ...(wanted.ipam
        ? {
            IPAM: {
              Driver: wanted.ipam.driver ?? "",
              Config: (wanted.ipam.config ?? []).map((pool) => ({
                ...(pool.subnet === undefined ? {} : { Subnet: pool.subnet }),
                ...(pool.gateway === undefined ? {} : { Gateway: pool.gateway }),
                ...(pool.ip_range === undefined ? {} : { IPRange: pool.ip_range }),
                ...(pool.aux_addresses
                  ? { AuxiliaryAddresses: Object.fromEntries(pool.aux_addresses) }
                  : {}),
              })),
            },
          }
        : {}),
      Labels: {
        ...Object.fromEntries(wanted.labels ?? []),
        [LABEL.network]: key,
        [LABEL.project]: project.name,
        [LABEL.version]: options.version,
        [LABEL.configHash]: networkHash(wanted),
      },
    },
  });
  onProgress({ kind: "Network", name, status: "Created" });
}

/** What is in a volume is the user's: one that changed stays as it is, and that is said. */
async function makeVolume(
  project: Project,
  step: ResourceStep<Volume>,
  { engine, onProgress }: ActParts,
  options: CarryOutOptions,
): Promise<void> {
  const { name, key, wanted } = step;
  if (step.action === "keep") return;
  if (step.action === "recreate") {
    onProgress({ kind: "Volume", name, status: "Kept, though its definition changed" });
    return;
  }
  onProgress({ kind: "Volume", name, status: "Creating" });
  await engine.send("POST", "/volumes/create", {
    json: {
      Name: name,
      ...(wanted.driver === undefined ? {} : { Driver: wanted.driver }),
      ...(wanted.driver_opts ? { DriverOpts: Object.fromEntries(wanted.driver_opts) } : {}),
      Labels: {
        ...Object.fromEntries(wanted.labels ?? []),
        [LABEL.volume]: key,
        [LABEL.project]: project.name,
        [LABEL.version]: options.version,
        [LABEL.configHash]: volumeHash(wanted),
      },
    },
  });
  onProgress({ kind: "Volume", name, status: "Created" });
}

/**
 * Makes the containers that the plan says, without starting anything: those that share something after what they
 * share it with, all others at once.
 */
export async function makeContainers(
  project: Project,
  plan: UpPlan,
  parts: ActParts,
  options: CarryOutOptions,
): Promise<MadeContainers> {
  const made = new Map<string, Promise<readonly MadeContainer[]>>();
  const results = new Map<string, readonly MadeContainer[]>();
  const makeService = async (name: string): Promise<readonly MadeContainer[]> => {
    await Promise.all(madeBefore(project, name).map((other) => ofService(other)));
    const steps = plan.containers.filter(({ service }) => service === name);
    const containers = await Promise.all(
      steps.map((step) => makeContainer(project, step, results, parts, options)),
    );
    const found = containers.filter((container) => container !== undefined);
    results.set(name, found);
    return found;
  };
  const ofService = (name: string): Promise<readonly MadeContainer[]> => {
    const before = made.get(name);
    if (before) return before;
    const promise = makeService(name);
    made.set(name, promise);
    return promise;
  };
  await Promise.all([...project.services.keys()].map(ofService));
  return results;
}

async function makeContainer(
  project: Project,
  step: ContainerStep,
  made: MadeContainers,
  parts: ActParts,
  options: CarryOutOptions,
): Promise<MadeContainer | undefined> {
  const service = project.services.get(step.service);
  if (!service || step.action === "remove") return undefined;
  if (step.action === "restart") {
    await stopOf(service, step.current, options.timeoutSeconds, parts);
  }
  const isQuiet = options.quietlyKept?.has(step.name) ?? false;
  if (step.action === "keep" && step.current.state === "running" && !isQuiet) {
    parts.onProgress({ kind: "Container", name: step.name, status: "Running" });
  }
  if (step.action === "keep" || step.action === "restart") {
    return { id: step.current.id, name: step.name, hasRun: step.current.state !== "created" };
  }
  const current = step.action === "recreate" ? step.current : undefined;
  return await parts.slots.run(async () => {
    const verbs = current ? ["Recreate", "Recreated"] : ["Creating", "Created"];
    parts.onProgress({ kind: "Container", name: step.name, status: verbs[0] ?? "" });
    const id = await createContainer({ project, service, step, current, made }, parts, options);
    await injectFileObjects(project, service, id, parts);
    if (current) {
      await stopOf(service, current, options.timeoutSeconds, parts, { isQuiet: true });
      await takePlace(current, { id, name: step.name }, parts);
    }
    parts.onProgress({ kind: "Container", name: step.name, status: verbs[1] ?? "" });
    return { id, name: step.name, hasRun: false };
  });
}

export interface Creation {
  readonly project: Project;
  readonly service: Service;
  readonly step: ContainerStep;
  readonly current: ObservedContainer | undefined;
  readonly made: MadeContainers;
  /** Changes what is asked for. */
  readonly alter?: (body: JsonObject) => JsonObject;
}

/** One that takes another's place has a name of its own until the other is gone. */
export async function createContainer(
  { project, service, step, current, made, alter = (body) => body }: Creation,
  { engine, proxies }: ActParts,
  options: CarryOutOptions,
): Promise<string> {
  const image = imageOf(project, step.service, service);
  const name = current ? `${current.id.slice(0, 12)}_${step.name}` : step.name;
  const containerOf = (other: string): string => {
    const [first] = made.get(other) ?? [];
    if (first) return first.id;
    throw new NotFoundError(
      `services.${step.service}: ${other}, which it shares something with, has no container`,
    );
  };
  const asked = containerRequest({
    project,
    serviceName: step.service,
    service: { ...service, image },
    containerName: step.name,
    number: step.number,
    configHash: containerHash(service, containerOf),
    imageId: options.imageIds.get(image),
    version: options.version,
    proxies,
    containerOf,
    inherited: options.renewsVolumes ? new Map() : (current?.volumes ?? new Map()),
  });
  const body = alter(asked);
  const { Id } = await engine.postJson<{ readonly Id: string }>("/containers/create", {
    query: { name, ...(service.platform === undefined ? {} : { platform: service.platform }) },
    json: current
      ? { ...body, Labels: { ...labelsIn(body), [LABEL.replace]: current.name } }
      : body,
  });
  return Id;
}

function labelsIn(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const labels = body["Labels"];
  return typeof labels === "object" && labels !== null ? { ...labels } : {};
}

/** Removes a container that has stopped, and calls the new one by its name. */
export async function takePlace(
  current: ObservedContainer,
  { id, name }: Pick<MadeContainer, "id" | "name">,
  parts: ActParts,
): Promise<void> {
  await removeContainer(current, { withVolumes: false, isQuiet: true }, parts);
  await parts.engine.send("POST", `/containers/${id}/rename`, { query: { name } });
}
