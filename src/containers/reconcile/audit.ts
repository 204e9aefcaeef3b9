import type { Fault } from "#base/fault.ts";
import { shortId } from "#spec/ids.ts";
import { cgroupPathOf } from "#containers/bring-up/cgroup-path.ts";
import { type CleanUpParts, cleanUpRun } from "#containers/clean-up.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { containerOfSnapshot } from "#containers/mounts/image-mounts.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { isUp } from "#containers/transitions.ts";

export type AuditParts = CleanUpParts &
  Pick<
    ContainerParts,
    | "cgroups"
    | "execs"
    | "images"
    | "mounts"
    | "networks"
    | "registry"
    | "runtime"
    | "snapshotter"
    | "stepIds"
    | "supervisorsAhead"
  >;

/** Settled and not running: nothing of a run should be there. */
function isIdle(parts: AuditParts, record: ContainerRecord): boolean {
  const live = parts.lives.of(record.id);
  return (
    !isUp(record.state) &&
    record.state.status !== "removing" &&
    record.intent === undefined &&
    live.rootHolds === 0 &&
    live.process === undefined &&
    !live.isRemovalUnderWay &&
    live.startUnderWay === undefined &&
    !parts.supervisorsAhead.isWaiting(record.id)
  );
}

/** What a container that does not run has of a run: names of the kind and the thing. */
function remainsOf(
  parts: AuditParts,
  record: ContainerRecord,
): readonly (Pick<Fault, "kind" | "subject"> & { readonly what: string })[] {
  const { id } = record;
  const cgroup = cgroupPathOf(parts.settings, record);
  const root = parts.snapshotter.stat(id) ? parts.snapshotter.rootPath(id) : undefined;
  return [
    ...(parts.runtime.list().includes(id)
      ? [{ kind: "process", subject: id, what: "the runtime's state" } as const]
      : []),
    ...(parts.networks.sandboxOf(id)
      ? [{ kind: "namespace", subject: id, what: "a network sandbox" } as const]
      : []),
    ...(parts.cgroups.exists(cgroup)
      ? [{ kind: "cgroup", subject: cgroup, what: "a cgroup" } as const]
      : []),
    ...(root !== undefined && parts.mounts.list(root).length > 0
      ? [{ kind: "mount", subject: root, what: "its root mounted" } as const]
      : []),
  ];
}

function idleFaults(parts: AuditParts, record: ContainerRecord): readonly Fault[] {
  return remainsOf(parts, record).map(({ kind, subject, what }) => ({
    kind,
    subject,
    explanation: `Container ${record.name} (${shortId(record.id)}) does not run and still has ${what}`,
    mend: {
      words: "clean up after its last run",
      apply: () =>
        parts.lives.of(record.id).lane.run(async () => {
          const now = parts.registry.find(record.id);
          if (!now || !isIdle(parts, now)) return;
          await cleanUpRun(parts, now);
          const cgroup = cgroupPathOf(parts.settings, now);
          if (!parts.cgroups.exists(cgroup)) return;
          parts.cgroups.kill(cgroup);
          parts.cgroups.remove(cgroup);
        }),
    },
  }));
}

function recordFaults(parts: AuditParts, record: ContainerRecord): readonly Fault[] {
  if (parts.snapshotter.stat(record.id)) return [];
  return [
    {
      kind: "record",
      subject: record.id,
      explanation: `Container ${record.name} has no root file system any more: only its removal is left (rm)`,
    },
  ];
}

/** State folders of conmon, and snapshots, of containers and execs that nobody knows. */
function strayFaults(parts: AuditParts): readonly Fault[] {
  const { registry, execs, runtime, snapshotter, stepIds } = parts;
  const known = new Set<string>([...registry.all().map(({ id }) => id), ...stepIds]);
  const knownExecs = new Set<string>(registry.all().flatMap(({ id }) => execs.idsOf(id)));
  const processes = runtime.list().filter((id) => !known.has(id) && !knownExecs.has(id));
  const snapshots = snapshotter
    .list()
    .map(({ name }) => name)
    .filter((name) => {
      const owner = containerOfSnapshot(name);
      return owner !== undefined && !known.has(owner);
    });
  return [
    ...processes.map(
      (id): Fault => ({
        kind: "process",
        subject: id,
        explanation: `The state folder of process ${shortId(id)} belongs to no container or exec`,
        mend: {
          words: "end it and remove its folder",
          apply: async () => {
            if (registry.all().some((record) => record.id === id)) return;
            await runtime.delete(id, { force: true });
          },
        },
      }),
    ),
    ...snapshots.map(
      (name): Fault => ({
        kind: "layer",
        subject: name,
        explanation: `The writable layer ${shortId(name)} belongs to no container`,
        mend: {
          words: "remove the layer",
          apply: async () => {
            const owner = containerOfSnapshot(name);
            if (registry.all().some(({ id }) => id === owner)) return;
            await snapshotter.remove(name);
          },
        },
      }),
    ),
  ];
}

/** Compares records and world, as `reconcile` does at a start. Changes nothing by itself. */
export function auditContainers(parts: AuditParts): readonly Fault[] {
  const settled = parts.registry.all().filter((record) => isIdle(parts, record));
  return [
    ...settled.flatMap((record) => idleFaults(parts, record)),
    ...settled.flatMap((record) => recordFaults(parts, record)),
    ...strayFaults(parts),
  ];
}
