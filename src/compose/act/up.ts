import { FailedPreconditionError } from "#base/errors.ts";
import { checkSupported } from "#compose/check-up.ts";
import type { Project } from "#compose/model/project.ts";
import type { UpOptions, UpPlan } from "#compose/plan/plan-up.ts";
import { planRolling, type RollingStep } from "#compose/plan/rolling.ts";
import type { ActParts } from "./act-parts.ts";
import { carryOut, type CarryOutOptions, type MadeContainers } from "./carry-out.ts";
import { ensureImages, type ImageBuilding, type PullChoice } from "./images.ts";
import { planProject } from "./plan-project.ts";
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

/**
 * Brings an engine to what the project says: images, then what is planned, then the start.
 *
 * @returns The containers of each service.
 */
export async function bringUp(
  project: Project,
  parts: ActParts,
  request: UpRequest,
): Promise<MadeContainers> {
  checkSupported(project);
  const images = ensureImages(project, parts, {
    pull: request.pull,
    isQuiet: request.isQuietPull,
    building: request.building,
  });
  const { plan, observed } = await planProject(project, parts, images, request);
  const imageIds = await images;
  refuseMissing(project, plan);
  await request.onPlan?.(plan);
  const { rolling } = request;
  const options = { ...request, imageIds };
  const { rest, rolled, atOnce } = rolling
    ? planRolling(project, plan, rolling)
    : { rest: plan, rolled: new Map<string, readonly RollingStep[]>(), atOnce: new Map() };
  for (const [service, why] of atOnce) rolling?.onAtOnce(service, why);
  const quietlyKept = new Set([...rolled.values()].flat().map(({ name }) => name));
  const made = new Map(await carryOut(project, observed, rest, parts, { ...options, quietlyKept }));
  if (!request.isStarted) return made;
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
  return made;
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
