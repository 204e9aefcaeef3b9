import { FailedPreconditionError } from "#base/errors.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { madeBefore } from "./dependency-order.ts";
import type { ContainerStep, UpPlan } from "./plan-up.ts";

export type RollingStep = Extract<ContainerStep, { readonly action: "recreate" }>;

/** How the containers of a service are exchanged: `deploy.update_config`, with defaults for one host. */
export interface RollingPolicy {
  /** How many at once. */
  readonly parallelism: number;
  /** Between one batch and the next. */
  readonly delayMs: number;
  /** How long a container must stay up once it is ready. */
  readonly monitorMs: number;
  readonly order: "start-first" | "stop-first";
  readonly failureAction: "pause" | "continue" | "rollback";
  /** Share of failures, of 1, that is borne before the failure action comes. */
  readonly maxFailureRatio: number;
}

export interface RollingPlan {
  /** By service, in the order of numbers. */
  readonly rolled: ReadonlyMap<string, readonly RollingStep[]>;
  /** All else, where what is rolled stays for now. */
  readonly rest: UpPlan;
  /** Services that are made anew at once all the same, with the reason. */
  readonly atOnce: ReadonlyMap<string, string>;
}

const NANOS_PER_MS = 1e6;

export function rollingPolicy({ deploy }: Service): RollingPolicy {
  const { parallelism, delay, monitor, order, failure_action, max_failure_ratio } =
    deploy?.update_config ?? {};
  return {
    // 0 is all at once
    parallelism: parallelism === 0 ? Number.MAX_SAFE_INTEGER : (parallelism ?? 1),
    delayMs: (delay ?? 0) / NANOS_PER_MS,
    monitorMs: (monitor ?? 0) / NANOS_PER_MS,
    order: order === "stop-first" ? "stop-first" : "start-first",
    failureAction:
      failure_action === "pause" || failure_action === "continue" ? failure_action : "rollback",
    maxFailureRatio: max_failure_ratio ?? 0,
  };
}

/**
 * Parts what can be exchanged container by container from what cannot.
 *
 * @param options.handsOver Whether the engine lets ports pass from one container to another.
 * @throws {FailedPreconditionError} Two containers of a service cannot be there at once, and its order wants that.
 */
export function planRolling(
  project: Project,
  plan: UpPlan,
  options: { readonly handsOver: boolean },
): RollingPlan {
  const rolled = new Map<string, RollingStep[]>();
  const atOnce = new Map<string, string>();
  for (const step of plan.containers) {
    if (step.action !== "recreate" || step.current.state !== "running") continue;
    const service = project.services.get(step.service);
    if (!service) continue;
    const sharer = [...project.services.keys()].find((other) =>
      madeBefore(project, other).includes(step.service),
    );
    if (sharer !== undefined) {
      atOnce.set(step.service, `${sharer} shares something with its container`);
      continue;
    }
    if (rollingPolicy(service).order === "start-first") {
      refuseTwins(step.service, service, options);
    }
    const steps = rolled.get(step.service) ?? [];
    rolled.set(step.service, [...steps, step]);
  }
  const containers = plan.containers.map((step): ContainerStep => {
    if (step.action !== "recreate" || !rolled.get(step.service)?.includes(step)) return step;
    const { service, name, number, current } = step;
    return { service, name, number, action: "keep", current };
  });
  return { rolled, rest: { ...plan, containers }, atOnce };
}

/** What two containers cannot have at the same time. */
function refuseTwins(
  name: string,
  service: Service,
  { handsOver }: { readonly handsOver: boolean },
): void {
  const refuse = (key: string, why: string): never => {
    throw new FailedPreconditionError(
      `services.${name}.${key}: ${why}: set deploy.update_config.order to stop-first, or leave out --rolling`,
    );
  };
  for (const [network, settings] of service.networks ?? []) {
    for (const key of ["ipv4_address", "ipv6_address", "mac_address"] as const) {
      if (settings?.[key] === undefined) continue;
      refuse(`networks.${network}.${key}`, "the new container cannot have it beside the old one");
    }
  }
  if (service.mac_address !== undefined) {
    refuse("mac_address", "the new container cannot have it beside the old one");
  }
  if (handsOver) return;
  for (const [index, { published = "" }] of (service.ports ?? []).entries()) {
    if (published === "" || published === "0" || published.includes("-")) continue;
    refuse(`ports[${index}]`, `this engine cannot hand port ${published} over to a new container`);
  }
}
