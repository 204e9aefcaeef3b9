import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { VolumeRecord } from "#volumes/volumes.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { isUp } from "#containers/transitions.ts";

/**
 * A volume's containers are kept from starting by their lanes, in the order of their ids, until volume and containers
 * have changed in one transaction.
 */
export async function renameVolume(
  parts: Pick<ContainerParts, "lives" | "registry" | "volumes">,
  name: string,
  newName: string,
): Promise<void> {
  if (!parts.volumes.get(name)) throw new NotFoundError(`get ${name}: no such volume`);
  await using lanes = new AsyncDisposableStack();
  const held = new Set<string>();
  for (;;) {
    const users = parts.volumes.usersOf(name).filter((id) => !held.has(id));
    if (users.length === 0) break;
    for (const id of users) {
      lanes.use(await parts.lives.of(id as ContainerId).lane.acquire());
      held.add(id);
    }
  }
  const records = [...held].flatMap((id) => parts.registry.find(id as ContainerId) ?? []);
  const running = records.filter(({ state }) => isUp(state));
  if (running.length > 0 || records.length < held.size) {
    const names = running.map((record) => record.name).join(", ");
    throw new ConflictError(
      names === ""
        ? `rename ${name}: the volume is being read or written by the engine`
        : `rename ${name}: the volume is in use by running containers: stop ${names} first`,
    );
  }
  await parts.volumes.rename(name, newName, (renamed) => {
    for (const record of records) parts.registry.put(withRenamedVolume(record, name, renamed));
  });
}

type Mounted = Pick<ContainerRecord, "mounts"> & {
  readonly hostConfig: Pick<ContainerRecord["hostConfig"], "Binds" | "Mounts">;
};

/** The record with the volume's new name wherever the old one stands. */
export function withRenamedVolume(
  record: ContainerRecord,
  oldName: string,
  volume: VolumeRecord,
): ContainerRecord {
  const { nextStart } = record;
  return {
    ...record,
    ...renamedIn(record, oldName, volume),
    ...(nextStart ? { nextStart: { ...nextStart, ...renamedIn(nextStart, oldName, volume) } } : {}),
  };
}

function renamedIn<Part extends Mounted>(
  { mounts, hostConfig }: Part,
  oldName: string,
  volume: VolumeRecord,
): { readonly mounts: readonly ContainerMount[]; readonly hostConfig: Part["hostConfig"] } {
  const { name, mountpoint } = volume;
  return {
    mounts: mounts.map((mount) =>
      mount.kind === "volume" && mount.name === oldName
        ? { ...mount, name, source: mountpoint }
        : mount,
    ),
    hostConfig: {
      ...hostConfig,
      Binds: hostConfig.Binds.map((bind) =>
        bind.startsWith(`${oldName}:`) ? name + bind.slice(oldName.length) : bind,
      ),
      Mounts: hostConfig.Mounts.map((mount) =>
        mount.Type === "volume" && mount.Source === oldName ? { ...mount, Source: name } : mount,
      ),
    },
  };
}
