import { buildTargets, serviceContexts } from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";
import type { ImageStep } from "#compose/plan/plan-entries.ts";
import { isToPull, type PullPolicy } from "#compose/plan/pull-policy.ts";
import type { ActParts } from "./act-parts.ts";
import { findImage, type ImageBuilding, missing, type PullChoice, wantedImages } from "./images.ts";

const MS_PER_HOUR = 3_600_000;

export interface CheckedImages {
  /** Of those that are there, by reference. */
  readonly ids: ReadonlyMap<string, string>;
  readonly steps: readonly ImageStep[];
}

export interface CheckOptions {
  readonly pull: PullChoice;
  /** What of that which can be built is. */
  readonly choice: ImageBuilding["choice"];
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
  options: CheckOptions,
): Promise<CheckedImages> {
  const ids = new Map<string, string>();
  const wanted = wantedImages(project, options);
  const steps = await Promise.all(
    wanted.map(async (image): Promise<readonly ImageStep[]> => {
      const { reference, name, service, policy, isBuildable } = image;
      const there = await findImage(reference, { engine });
      if (there !== undefined) ids.set(reference, there.id);
      const step = { reference, service: name };
      const isAsked = options.choice === "all" && policy.kind === "build";
      const whyAnew = isAsked ? "--build is given" : `pull_policy is ${wordOf(policy)}`;
      const why = there === undefined ? "it is not there" : whyAnew;
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
  const known = steps.flat();
  return { ids, steps: [...contextBuilds(project, known), ...known] };
}

/** Services that are built because what is built takes files from their images. */
function contextBuilds(project: Project, steps: readonly ImageStep[]): readonly ImageStep[] {
  const built = steps.filter(({ action }) => action === "build").map(({ service }) => service);
  if (built.length === 0) return [];
  const targets = buildTargets(project, built);
  const others = [...targets.values()].filter(({ name }) => !built.includes(name));
  return others.map(({ name, image }): ImageStep => {
    const users = [...targets.values()].filter(({ build }) =>
      serviceContexts(build).includes(name),
    );
    const why = `${users.map((user) => user.name).join(", ")} takes files from it`;
    return { reference: image, service: name, action: "build", why };
  });
}

function wordOf(policy: PullPolicy): string {
  return policy.kind === "refresh"
    ? `to pull what is older than ${policy.afterMs / MS_PER_HOUR} h`
    : policy.kind;
}
