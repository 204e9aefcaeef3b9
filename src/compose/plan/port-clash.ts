import type { Project, ServicePort } from "#compose/model/project.ts";
import type { ContainerStep, UpPlan } from "./plan-up.ts";

/** A port of the host that is wanted twice. */
export interface PortClash {
  readonly service: string;
  /** Of the service's `ports`. */
  readonly index: number;
  readonly port: number;
  readonly protocol: string;
  /** Container that publishes it, too; undefined where it is none of the project. */
  readonly other: string | undefined;
}

interface Holder {
  readonly name: string;
  readonly address: string;
}

/**
 * The first port that cannot be published. Ranges are the engine's to choose from, and what a running container of
 * the project has now is free again when that is made anew.
 *
 * @param isTaken Whether something on the host listens there; asked only for ports that no container of the project
 *   has.
 */
export function portClash(
  project: Project,
  plan: UpPlan,
  isTaken: (port: { readonly protocol: string; readonly port: number }) => boolean,
): PortClash | undefined {
  const holders = new Map<string, Holder[]>();
  const own = new Set(plan.containers.flatMap(publishedNow));
  for (const step of plan.containers) {
    if (step.action === "remove") continue;
    const ports = project.services.get(step.service)?.ports ?? [];
    for (const [index, wanted] of ports.entries()) {
      const port = fixedPort(wanted);
      if (port === undefined) continue;
      const { protocol = "tcp", host_ip: address = "" } = wanted;
      const key = `${port}/${protocol}`;
      const clash = { service: step.service, index, port, protocol };
      const holder = holders.get(key)?.find((each) => overlaps(each.address, address));
      if (holder) return { ...clash, other: holder.name };
      holders.set(key, [...(holders.get(key) ?? []), { name: step.name, address }]);
      const isNew = step.action === "create" || step.action === "recreate";
      if (isNew && address === "" && !own.has(key) && isTaken({ protocol, port })) {
        return { ...clash, other: undefined };
      }
    }
  }
  return undefined;
}

function publishedNow(step: ContainerStep): readonly string[] {
  return "current" in step ? step.current.ports : [];
}

function fixedPort({ published = "" }: ServicePort): number | undefined {
  const port = Number(published);
  return published !== "" && Number.isInteger(port) && port > 0 ? port : undefined;
}

/** Every address overlaps with all of them. */
function overlaps(left: string, right: string): boolean {
  const isAll = (address: string): boolean => /^(?:|0\.0\.0\.0|::)$/.test(address);
  return isAll(left) || isAll(right) || left === right;
}
