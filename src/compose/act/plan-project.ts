import type { Project } from "#compose/model/project.ts";
import { observeDetails } from "#compose/observe/details.ts";
import { observe, type Observed } from "#compose/observe/observed.ts";
import { withAssumed } from "#compose/outside/fill-project.ts";
import { containerHash, firstOf } from "#compose/plan/container-hash.ts";
import { planUp, type UpOptions, type UpPlan } from "#compose/plan/plan-up.ts";
import type { ActParts } from "./act-parts.ts";

export interface Planned {
  readonly plan: UpPlan;
  readonly observed: Observed;
}

/**
 * Looks at what there is, and decides: what `plan` shows and what `up` does. Changes nothing: what providers and models
 * would say is taken from the containers.
 */
export async function planProject(
  project: Project,
  parts: Pick<ActParts, "engine">,
  imageIds: Promise<ReadonlyMap<string, string>>,
  options: Omit<UpOptions, "imageIds">,
): Promise<Planned> {
  const [ids, seen] = await Promise.all([imageIds, observe(parts.engine, project.name)]);
  const filled = await withAssumed(project, seen, parts);
  return await planFilled(filled, seen, parts, { ...options, imageIds: ids });
}

/** Decides for a project that has all that comes from outside, by what was seen. */
export async function planFilled(
  project: Project,
  seen: Observed,
  parts: Pick<ActParts, "engine">,
  options: UpOptions,
): Promise<Planned> {
  const containerOf = firstOf(seen.containers);
  const diverged = seen.containers.filter(({ service, configHash }) => {
    const wanted = project.services.get(service);
    return wanted !== undefined && containerHash(wanted, containerOf) !== configHash;
  });
  const details = await observeDetails(
    parts.engine,
    diverged.map(({ id }) => id),
  );
  const observed = { ...seen, details };
  return { plan: planUp(project, observed, options), observed };
}
