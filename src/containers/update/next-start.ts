import type { ContainerRecord, NextStart } from "#containers/container.ts";

/** The record as the next start will have it. */
export function atNextStart(record: ContainerRecord): ContainerRecord {
  const { nextStart, limitsBefore: _, ...rest } = record;
  if (!nextStart) return rest;
  return {
    ...rest,
    config: { ...rest.config, ...nextStart.config },
    hostConfig: { ...rest.hostConfig, ...nextStart.hostConfig },
    mounts: nextStart.mounts,
  };
}

/** What a record has to keep until the next start, to become what `changed` is then. */
export function nextStartOf(changed: ContainerRecord): NextStart {
  const { Env, Volumes } = changed.config;
  const { Binds, Mounts, Tmpfs } = changed.hostConfig;
  return {
    config: { Env, Volumes },
    hostConfig: { Binds, Mounts, Tmpfs },
    mounts: changed.mounts,
  };
}

/** Names of the volumes that a record uses, now or from its next start on. */
export function volumesOf(
  record: Pick<ContainerRecord, "mounts" | "nextStart">,
): ReadonlySet<string> {
  const mounts = [...record.mounts, ...(record.nextStart?.mounts ?? [])];
  return new Set(
    mounts.flatMap(({ kind, name }) => (kind === "volume" && name !== undefined ? [name] : [])),
  );
}
