import type { Project } from "#compose/model/project.ts";
import { observe } from "#compose/observe/observed.ts";
import { planUp, type UpOptions, type UpPlan } from "#compose/plan/plan-up.ts";
import type { ActParts } from "./act-parts.ts";
import { carryOut, type CarryOutOptions, type MadeContainers } from "./carry-out.ts";
import { ensureImages, type PullChoice } from "./images.ts";
import { startServices } from "./start-services.ts";

export interface UpRequest extends Omit<UpOptions, "imageIds">, Omit<CarryOutOptions, "imageIds"> {
  readonly pull: PullChoice;
  readonly isQuietPull: boolean;
  readonly isStarted: boolean;
  /** Shown to the user before anything is done. */
  readonly onPlan?: (plan: UpPlan) => void;
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
  const [imageIds, observed] = await Promise.all([
    ensureImages(project, parts, { pull: request.pull, isQuiet: request.isQuietPull }),
    observe(parts.engine, project.name),
  ]);
  const plan = planUp(project, observed, { ...request, imageIds });
  request.onPlan?.(plan);
  const made = await carryOut(project, observed, plan, parts, { ...request, imageIds });
  if (!request.isStarted) return made;
  const running = plan.containers
    .filter((step) => step.action === "keep" && step.current.state === "running")
    .map((step) => (step.action === "keep" ? step.current.id : ""));
  await startServices(project, made, parts, new Set(running));
  return made;
}
