import { FailedPreconditionError } from "#base/errors.ts";
import type { Project } from "#compose/model/project.ts";
import { findPrograms, withAsked, withSocketOf } from "#compose/outside/fill-project.ts";
import type { Provided } from "#compose/outside/provided.ts";
import type { UpOptions, UpPlan } from "#compose/plan/plan-up.ts";
import { planRolling, type RollingStep } from "#compose/plan/rolling.ts";
import type { ActParts } from "./act-parts.ts";
import {
  type CarryOutOptions,
  type MadeContainers,
  makeContainers,
  makeResources,
  removePlanned,
} from "./carry-out.ts";
import { ensureImages, type ImageBuilding, type PullChoice } from "./images.ts";
import { planFilled, planProject } from "./plan-project.ts";
import { rollService } from "./roll-service.ts";
import { startServices } from "./start-services.ts";

export interface UpRequest extends Omit<UpOptions, "imageIds">, Omit<CarryOutOptions, "imageIds"> {
  readonly pull: PullChoice;
  readonly isQuietPull: boolean;
  readonly building: ImageBuilding;
  readonly isStarted: boolean;
  /** Containers of a service are exchanged one after the other, without a gap. */
  readonly rolling?: {
    /** Whether the engine lets ports and names pass from one container to another. */
    readonly handsOver: boolean;
    readonly onAtOnce: (service: string, why: string) => void;
  };
  /** Shown to the user before anything is done. */
  readonly onPlan?: (plan: UpPlan) => void | Promise<void>;
}

export interface Brought {
  /** The containers of each service. */
  readonly made: MadeContainers;
  /** What services got from outside, also those that were left out. */
  readonly provided: Provided;
}

/**
 * Brings an engine to what the project says: images, networks and volumes, what is provided from outside, then the
 * containers and their start.
 */
export async function bringUp(
  said: Project,
  parts: ActParts,
  request: UpRequest,
): Promise<Brought> {
  const programs = await findPrograms(said, parts);
  const asked = await withSocketOf(said, parts);
  const images = ensureImages(asked, parts, {
    pull: request.pull,
    isQuiet: request.isQuietPull,
    building: request.building,
  });
  const first = await planProject(asked, parts, images, request);
  const imageIds = await images;
  refuseMissing(asked, first.plan);
  await request.onPlan?.(first.plan);
  const { rolling } = request;
  const options = { ...request, imageIds };
  await makeResources(asked, first.observed, first.plan, parts, options);
  // what providers and models say is a part of what the containers are
  const { project, provided } = await withAsked(
    asked,
    programs,
    first.observed,
    { isQuiet: request.isQuietPull },
    parts,
  );
  const { plan } =
    project === asked ? first : await planFilled(project, first.observed, parts, options);
  await removePlanned(project, plan, parts, options);
  const { rest, rolled, atOnce } = rolling
    ? planRolling(project, plan, rolling)
    : { rest: plan, rolled: new Map<string, readonly RollingStep[]>(), atOnce: new Map() };
  for (const [service, why] of atOnce) rolling?.onAtOnce(service, why);
  const quietlyKept = new Set([...rolled.values()].flat().map(({ name }) => name));
  const made = new Map(await makeContainers(project, rest, parts, { ...options, quietlyKept }));
  if (!request.isStarted) return { made, provided };
  const running = rest.containers
    .filter((step) => step.action === "keep" && step.current.state === "running")
    .map((step) => (step.action === "keep" ? step.current.id : ""));
  await startServices(project, made, parts, new Set(running), {
    services: new Set(rolled.keys()),
    run: async (serviceName) => {
      const service = project.services.get(serviceName) ?? {};
      const steps = rolled.get(serviceName) ?? [];
      const handsOver = rolling?.handsOver ?? false;
      const context = { ...options, project, serviceName, service, made, handsOver };
      const exchanged = await rollService(steps, context, parts);
      const gone = new Set(steps.map(({ current }) => current.id));
      const stayed = (made.get(serviceName) ?? []).filter(({ id }) => !gone.has(id));
      made.set(serviceName, [...stayed, ...exchanged]);
    },
  });
  return { made, provided };
}

/** @throws {FailedPreconditionError} Something is said to be there, and is not. */
export function refuseMissing(project: Project, { missing: [missing] }: UpPlan): void {
  if (!missing) return;
  const { kind, name, key } = missing;
  const place = project.locate([`${kind}s`, key]);
  throw new FailedPreconditionError(
    `${place}${kind} ${name} declared as external, but could not be found: make it with 'wharf ${kind} create ${name}'`,
  );
}
