import type { Project } from "#compose/model/project.ts";
import type { Change } from "./changes.ts";
import type { ContainerStep, ResourceStep, UpPlan } from "./plan-up.ts";
import { type DueHook, plannedHooks } from "./pre-start.ts";

export type PlanAction =
  | "pull"
  | "build"
  | "create"
  | "recreate"
  | "restart"
  | "start"
  | "run"
  | "remove"
  | "keep";

/** One line of a plan, as a user reads it. */
export interface PlanEntry {
  readonly kind: "image" | "network" | "volume" | "container" | "hook" | "provider" | "model";
  readonly name: string;
  /** Empty for what is no service's. */
  readonly service: string;
  readonly action: PlanAction;
  /** Empty where there is nothing to say. */
  readonly why: string;
  readonly changes: readonly Change[];
}

export interface ImageStep {
  /** What it is of, where it is no image. */
  readonly kind?: "model";
  readonly reference: string;
  readonly service: string;
  readonly action: "pull" | "build";
  readonly why: string;
}

/** All that `up` will do, in its order, and what it leaves. */
export function planEntries(
  project: Pick<Project, "services">,
  plan: UpPlan,
  images: readonly ImageStep[],
): readonly PlanEntry[] {
  return [
    ...images.map(
      ({ kind, reference, service, action, why }): PlanEntry => ({
        ...{ kind: kind ?? "image", name: reference, service, action, why, changes: [] },
      }),
    ),
    ...plan.containers.filter(({ action }) => action === "remove").map(ofContainer),
    ...plan.networks.map(ofNetwork),
    ...plan.volumes.map(ofVolume),
    ...[...project.services].flatMap(([name, { provider }]) =>
      provider === undefined ? [] : [ofProvider(name, provider.type ?? "")],
    ),
    ...plan.containers.filter(({ action }) => action !== "remove").map(ofContainer),
    ...[...project.services].flatMap(([name, service]) => {
      const steps = plan.containers.filter((step) => step.service === name);
      return plannedHooks(service, steps).map((due) => ofHook(name, due));
    }),
  ];
}

function ofHook(service: string, { index, before }: DueHook): PlanEntry {
  const why = `before the start of ${before.join(", ")}`;
  const name = `${service}.pre_start[${index}]`;
  return { kind: "hook", name, service, action: "run", why, changes: [] };
}

/** It is told each time: whether that changes something is known to itself alone. */
function ofProvider(service: string, type: string): PlanEntry {
  const why = `${type} is told to bring it up, each time`;
  return { kind: "provider", name: service, service, action: "run", why, changes: [] };
}

function ofNetwork(step: ResourceStep<unknown>): PlanEntry {
  const { name, action } = step;
  const base = { kind: "network", name, service: "", action } as const;
  if (step.action !== "recreate") return { ...base, why: "", changes: [] };
  return { ...base, why: step.why, changes: step.changes };
}

/** What is in a volume is the user's: `up` does not renew it. */
function ofVolume(step: ResourceStep<unknown>): PlanEntry {
  const { name } = step;
  const base = { kind: "volume", name, service: "" } as const;
  if (step.action !== "recreate") return { ...base, action: step.action, why: "", changes: [] };
  const why = `${step.why}, but its data is kept: remove it first to have it made anew`;
  return { ...base, action: "keep", why, changes: step.changes };
}

function ofContainer(step: ContainerStep): PlanEntry {
  const { name, service } = step;
  const base = { kind: "container", name, service, changes: [] } as const;
  switch (step.action) {
    case "create":
    case "remove":
    case "restart":
      return { ...base, action: step.action, why: step.why };
    case "recreate":
      return { ...base, action: "recreate", why: step.why, changes: step.changes };
    case "keep": {
      const { state } = step.current;
      if (state === "running") return { ...base, action: "keep", why: step.warning ?? "" };
      return { ...base, action: "start", why: `it is ${state}` };
    }
  }
}
