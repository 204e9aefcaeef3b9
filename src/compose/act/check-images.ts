import { NotFoundError } from "#base/errors.ts";
import type { Project } from "#compose/model/project.ts";
import type { ImageStep } from "#compose/plan/plan-entries.ts";
import type { ActParts } from "./act-parts.ts";
import { imageId, imageOf, isPulledAnew, type PullChoice, pullPolicy } from "./images.ts";

export interface CheckedImages {
  /** Of those that are there, by reference. */
  readonly ids: ReadonlyMap<string, string>;
  readonly steps: readonly ImageStep[];
}

/**
 * What `up` will do about images; asks only the engine. Whether a pull brings another image is known when it
 * has been done.
 *
 * @throws {NotFoundError} One is missing and may not be pulled.
 */
export async function checkImages(
  project: Project,
  { engine }: Pick<ActParts, "engine">,
  options: { readonly pull: PullChoice },
): Promise<CheckedImages> {
  const wanted = new Map<string, string>();
  for (const [name, service] of project.services) {
    if (service.provider) continue;
    const reference = imageOf(project, name, service);
    if (!wanted.has(reference)) wanted.set(reference, name);
  }
  const ids = new Map<string, string>();
  const steps = await Promise.all(
    [...wanted].map(async ([reference, name]): Promise<readonly ImageStep[]> => {
      const service = project.services.get(name) ?? {};
      const policy = pullPolicy(service, options.pull);
      const there = await imageId(reference, { engine });
      if (there !== undefined) ids.set(reference, there);
      const isBuilt = service.build !== undefined;
      const step = { reference, service: name };
      if (there === undefined && isBuilt)
        return [{ ...step, action: "build", why: "it is not there" }];
      if (isBuilt) return [];
      if (there === undefined && policy === "never") {
        throw new NotFoundError(
          `services.${name}: the image ${reference} is not there, and pull_policy is never`,
        );
      }
      if (there === undefined) return [{ ...step, action: "pull", why: "it is not there" }];
      return isPulledAnew(policy)
        ? [{ ...step, action: "pull", why: `pull_policy is ${policy}` }]
        : [];
    }),
  );
  return { ids, steps: steps.flat() };
}
