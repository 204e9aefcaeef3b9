import type { Project } from "#compose/model/project.ts";
import type { KnownImage } from "./pull-policy.ts";

/** What `pull` does about one service. */
export type PullStep = { readonly service: string } & (
  | { readonly action: "skip"; readonly why: string }
  | { readonly action: "pull"; readonly image: string; readonly isBuildable: boolean }
);

export interface PullPlanOptions {
  readonly ignoresBuildable: boolean;
  /** Over those of the services; empty for none. */
  readonly policy: string;
  /** By reference as the services have it. */
  readonly images: ReadonlyMap<string, KnownImage>;
}

/** Decides what is pulled, each image once. Pure. */
export function planPull(project: Project, options: PullPlanOptions): readonly PullStep[] {
  const pulledBy = new Map<string, string>();
  return [...project.services].map(([service, { image, build, pull_policy: own }]): PullStep => {
    const skip = (why: string): PullStep => ({ service, action: "skip", why });
    if (image === undefined) return skip("Skipped - No image to be pulled");
    const policy = options.policy || own;
    if (policy === "never" || policy === "build") return skip("Skipped");
    const isMissingOnly = policy === "missing" || policy === "if_not_present";
    // what is called latest may be another one by now
    if (isMissingOnly && options.images.has(image) && !isLatest(image)) {
      return skip("Skipped - Image is already present locally");
    }
    if (build && options.ignoresBuildable) return skip("Skipped - Image can be built");
    const other = pulledBy.get(image);
    if (other !== undefined) return skip(`Skipped - Image is already being pulled by ${other}`);
    pulledBy.set(image, service);
    return { service, action: "pull", image, isBuildable: build !== undefined };
  });
}

function isLatest(image: string): boolean {
  const [, tag = "latest"] = /:([^/:]+)$/.exec(image.replace(/@.*$/, "")) ?? [];
  return tag === "latest" && !image.includes("@");
}
