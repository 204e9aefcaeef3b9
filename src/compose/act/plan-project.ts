import { serviceHash } from "#compose/model/hash.ts";
import type { Project } from "#compose/model/project.ts";
import { observeDetails } from "#compose/observe/details.ts";
import { observe, type Observed } from "#compose/observe/observed.ts";
import { planUp, type UpOptions, type UpPlan } from "#compose/plan/plan-up.ts";
import type { ActParts } from "./act-parts.ts";

export interface Planned {
  readonly plan: UpPlan;
  readonly observed: Observed;
}

/** Looks at what there is, and decides: what `plan` shows and what `up` does. Changes nothing. */
export async function planProject(
  project: Project,
  parts: Pick<ActParts, "engine">,
  imageIds: Promise<ReadonlyMap<string, string>>,
  options: Omit<UpOptions, "imageIds">,
): Promise<Planned> {
  const [ids, seen] = await Promise.all([imageIds, observe(parts.engine, project.name)]);
  const diverged = seen.containers.filter(({ service, configHash }) => {
    const wanted = project.services.get(service);
    return wanted !== undefined && serviceHash(wanted) !== configHash;
  });
  const details = await observeDetails(
    parts.engine,
    diverged.map(({ id }) => id),
  );
  const observed = { ...seen, details };
  return { plan: planUp(project, observed, { ...options, imageIds: ids }), observed };
}
