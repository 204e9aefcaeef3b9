import { parseVolumesFrom } from "#spec/engine-api/mount.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { targetOf } from "#containers/links/links.ts";
import type { ContainerRegistry } from "#containers/registry.ts";

type Registry = Pick<ContainerRegistry, "find" | "isVisible" | "tryResolve">;

/** The containers whose network, IPC, PIDs, volumes or address a container needs when it starts. */
export function dependenciesOf(
  registry: Registry,
  record: ContainerRecord,
): ReadonlySet<ContainerId> {
  const { NetworkMode, IpcMode, PidMode, VolumesFrom } = record.hostConfig;
  const references = [
    ...[NetworkMode, IpcMode, PidMode].flatMap((mode) => joinedContainer(mode) ?? []),
    ...VolumesFrom.map((text) => parseVolumesFrom(text).container),
  ];
  const found = [
    ...references.map((reference) => registry.tryResolve(reference)),
    ...(record.links ?? []).map((link) => targetOf(registry, link)),
  ];
  return new Set(found.flatMap((other) => (other && other.id !== record.id ? [other.id] : [])));
}

/** What is started with its engine, and in which order. */
export interface StartOrder {
  /** Each after those that it needs; in the order that they were given in otherwise. */
  readonly steps: readonly {
    readonly id: ContainerId;
    /** Those of the others that have to be up before. */
    readonly after: readonly ContainerId[];
  }[];
  /** Each needs the next, and the last the first: none of them can start. */
  readonly cycles: readonly (readonly ContainerId[])[];
}

/**
 * Puts containers in the order of what they need of each other. What needs a container that is not among
 * them does not wait for it.
 */
export function planStartOrder(
  needs: ReadonlyMap<ContainerId, ReadonlySet<ContainerId>>,
): StartOrder {
  const steps: { id: ContainerId; after: readonly ContainerId[] }[] = [];
  const cycles: (readonly ContainerId[])[] = [];
  const cyclic = new Set<ContainerId>();
  const done = new Set<ContainerId>();
  const visit = (id: ContainerId, path: readonly ContainerId[]): void => {
    const at = path.indexOf(id);
    if (at >= 0) {
      const cycle = path.slice(at);
      if (!cycle.some((member) => cyclic.has(member))) cycles.push(cycle);
      for (const member of cycle) cyclic.add(member);
      return;
    }
    const own = needs.get(id);
    if (!own || done.has(id)) return;
    for (const needed of own) visit(needed, [...path, id]);
    if (done.has(id)) return;
    done.add(id);
    const after = [...own].filter((needed) => needs.has(needed) && !cyclic.has(needed));
    if (!cyclic.has(id)) steps.push({ id, after });
  };
  for (const id of needs.keys()) visit(id, []);
  return { steps, cycles };
}
