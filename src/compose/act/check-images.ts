import type { Project } from "#compose/model/project.ts";
import type { ImageStep } from "#compose/plan/plan-entries.ts";
import { isToPull, type PullPolicy } from "#compose/plan/pull-policy.ts";
import type { ActParts } from "./act-parts.ts";
import { findImage, missing, type PullChoice, wantedImages } from "./images.ts";

const MS_PER_HOUR = 3_600_000;

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
  const ids = new Map<string, string>();
  const wanted = wantedImages(project, { pull: options.pull, choice: "missing" });
  const steps = await Promise.all(
    wanted.map(async (image): Promise<readonly ImageStep[]> => {
      const { reference, name, service, policy, isBuildable } = image;
      const there = await findImage(reference, { engine });
      if (there !== undefined) ids.set(reference, there.id);
      const step = { reference, service: name };
      const why = there === undefined ? "it is not there" : `pull_policy is ${wordOf(policy)}`;
      if (service.image !== undefined && isToPull(policy, there, new Date())) {
        // what cannot be pulled is built, where it can be
        return [{ ...step, action: isBuildable && there === undefined ? "build" : "pull", why }];
      }
      if (isBuildable && (there === undefined || policy.kind === "build")) {
        return [{ ...step, action: "build", why }];
      }
      if (there === undefined) throw missing(image);
      return [];
    }),
  );
  return { ids, steps: steps.flat() };
}

function wordOf(policy: PullPolicy): string {
  return policy.kind === "refresh"
    ? `to pull what is older than ${policy.afterMs / MS_PER_HOUR} h`
    : policy.kind;
}
