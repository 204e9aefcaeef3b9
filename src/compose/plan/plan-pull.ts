import type { Project } from "#compose/model/project.ts";
import { dependentImages } from "./dependent-images.ts";
import type { KnownImage } from "./pull-policy.ts";

/** What `pull` does about one service. */
export type PullStep = { readonly service: string } & (
  | { readonly action: "skip"; readonly why: string }
  | {
      readonly action: "pull";
      readonly image: string;
      readonly platform: string | undefined;
      readonly isBuildable: boolean;
    }
);

export interface PullPlanOptions {
  readonly ignoresBuildable: boolean;
  /** Over those of the services; empty for none. */
  readonly policy: string;
  /** By reference as the services have it. */
  readonly images: ReadonlyMap<string, KnownImage>;
}

/** One image that may be pulled, and for what. */
interface Wish {
  /** A service, or what of it has an image of its own. */
  readonly service: string;
  readonly image: string | undefined;
  readonly policy: string | undefined;
  readonly platform: string | undefined;
  readonly isBuildable: boolean;
}

/** Decides what is pulled, each image once: those of services, then those of their hooks. Pure. */
export function planPull(project: Project, options: PullPlanOptions): readonly PullStep[] {
  const pulledBy = new Map<string, string>();
  return wishes(project).map(({ service, image, policy: own, ...rest }): PullStep => {
    const { isBuildable } = rest;
    const skip = (why: string): PullStep => ({ service, action: "skip", why });
    if (image === undefined) return skip("Skipped - No image to be pulled");
    const policy = options.policy || own;
    if (policy === "never" || policy === "build") return skip("Skipped");
    const isMissingOnly = policy === "missing" || policy === "if_not_present";
    // what is called latest may be another one by now
    if (isMissingOnly && options.images.has(image) && !isLatest(image)) {
      return skip("Skipped - Image is already present locally");
    }
    if (isBuildable && options.ignoresBuildable) return skip("Skipped - Image can be built");
    const other = pulledBy.get(image);
    if (other !== undefined) return skip(`Skipped - Image is already being pulled by ${other}`);
    pulledBy.set(image, service);
    return { service, action: "pull", image, ...rest };
  });
}

function wishes(project: Project): readonly Wish[] {
  const own = [...project.services].map(
    ([service, { image, build, platform, pull_policy: policy }]): Wish => ({
      ...{ service, image, policy, platform, isBuildable: build !== undefined },
    }),
  );
  const known = new Set(own.map(({ image }) => image));
  const hooked = [...project.services].flatMap(([name, service]) => {
    // a hook's image is built by nobody
    const policy = service.pull_policy === "build" ? "missing" : service.pull_policy;
    return dependentImages(name, service)
      .filter(({ kind, reference }) => kind === "pre_start" && !known.has(reference))
      .map(({ user, reference: image }): Wish => {
        return { service: user, image, policy, platform: service.platform, isBuildable: false };
      });
  });
  return [...own, ...hooked];
}

function isLatest(image: string): boolean {
  const [, tag = "latest"] = /:([^/:]+)$/.exec(image.replace(/@.*$/, "")) ?? [];
  return tag === "latest" && !image.includes("@");
}
