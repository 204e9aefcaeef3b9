import { ConflictError, NotFoundError, PermissionDeniedError } from "#base/errors.ts";
import { imageOf } from "#compose/build/targets.ts";
import { LABEL } from "#compose/labels.ts";
import type { Project } from "#compose/model/project.ts";
import { observe, observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import { findProviders, tell } from "#compose/outside/providers.ts";
import { withProfiles, withServices } from "#compose/select-services.ts";
import type { ActParts } from "./act-parts.ts";
import { inReverseOrder } from "./by-dependency.ts";
import { removeContainer, stopOf } from "./stop-containers.ts";

export interface DownRequest {
  readonly projectName: string;
  /** Undefined where only the name is known: the labels say the rest. */
  readonly project: Project | undefined;
  /** None for all. */
  readonly services: readonly string[];
  /** That are active: of the others only containers go, whose labels tell of them. */
  readonly profiles: readonly string[];
  readonly removesOrphans: boolean;
  readonly withVolumes: boolean;
  readonly images: "none" | "local" | "all";
  readonly timeoutSeconds: number | undefined;
}

/** Takes a project away: containers against the order of their dependencies, then networks, volumes and images. */
export async function takeDown(request: DownRequest, parts: ActParts): Promise<void> {
  const { projectName, project, services } = request;
  const providers = project
    ? await findProviders(concernedBy(request, project), parts, "down")
    : [];
  const [all, observed] = await Promise.all([
    observeContainers(parts.engine, projectName, { withOneOffs: true }),
    observe(parts.engine, projectName),
  ]);
  const isKnown = (service: string): boolean =>
    !project || project.services.has(service) || project.disabledServices.has(service);
  const concerned = all.filter(({ service }) =>
    services.length > 0 ? services.includes(service) : request.removesOrphans || isKnown(service),
  );
  await inReverseOrder(
    concerned,
    (container) =>
      parts.slots.run(async () => {
        const service = project?.services.get(container.service);
        await stopOf(service, container, request.timeoutSeconds, parts);
        await removeContainer(container, { withVolumes: request.withVolumes }, parts);
      }),
    providers.map((provider) => ({
      service: provider.serviceName,
      needs: new Set(project?.services.get(provider.serviceName)?.depends_on?.keys()),
      work: async () => {
        if (project) await tell(project, provider, "down", parts);
      },
    })),
  );
  if (services.length > 0) return;
  const own = (labels: Readonly<Record<string, string>>): boolean =>
    labels[LABEL.project] === projectName;
  const networks = [...observed.networks.values()].filter(({ labels }) => own(labels));
  const volumes = [...observed.volumes.values()].filter(({ labels }) => own(labels));
  await Promise.all([
    ...networks.map(({ id, name }) => removeNetwork(id, name, parts)),
    ...(request.withVolumes ? volumes.map(({ name }) => removeVolume(name, parts)) : []),
    ...imagesToRemove(request, concerned).map((image) => removeImage(image, parts)),
  ]);
}

/** Services that are taken down: those that are named, else those whose profile is active. */
function concernedBy({ services, profiles }: DownRequest, project: Project): Project {
  if (services.length === 0) return withProfiles(project, profiles, []);
  return withServices(project, services, { withDependencies: false });
}

async function removeNetwork(id: string, name: string, parts: ActParts): Promise<void> {
  const { engine, onProgress } = parts;
  onProgress({ kind: "Network", name, status: "Removing" });
  const status = await removal(() => engine.send("DELETE", `/networks/${id}`));
  onProgress({ kind: "Network", name, status });
}

async function removeVolume(name: string, { engine, onProgress }: ActParts): Promise<void> {
  onProgress({ kind: "Volume", name, status: "Removing" });
  const status = await removal(() => engine.send("DELETE", `/volumes/${encodeURIComponent(name)}`));
  onProgress({ kind: "Volume", name, status });
}

async function removeImage(name: string, { engine, onProgress }: ActParts): Promise<void> {
  const path = `/images/${encodeURIComponent(name)}`;
  try {
    await engine.getJson(`${path}/json`);
  } catch (error) {
    if (error instanceof NotFoundError) return; // never built, or gone already
    throw error;
  }
  onProgress({ kind: "Image", name, status: "Removing" });
  const status = await removal(() => engine.send("DELETE", path));
  onProgress({ kind: "Image", name, status });
}

/** What somebody else uses stays, and that is said. */
async function removal(remove: () => Promise<unknown>): Promise<string> {
  try {
    await remove();
    return "Removed";
  } catch (error) {
    if (error instanceof NotFoundError) return "Removed";
    const isUsed = error instanceof ConflictError || error instanceof PermissionDeniedError;
    if (isUsed) return "Resource is still in use";
    throw error;
  }
}

function imagesToRemove(
  { images, project, projectName }: DownRequest,
  containers: readonly ObservedContainer[],
): readonly string[] {
  if (images === "none") return [];
  const ofFile = [...(project?.services ?? [])].map(([name, { image }]) => ({ name, image }));
  const ofLabels = containers.map(({ service }) => ({ name: service, image: undefined }));
  const found = (project ? ofFile : ofLabels).flatMap(({ name, image }) => {
    if (image === undefined) {
      return [imageOf({ ...project, name: projectName }, name, {})];
    }
    return images === "all" ? [image] : [];
  });
  return [...new Set(found)];
}
