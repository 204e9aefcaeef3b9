import { mkdirSync } from "node:fs";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { MappedOwners } from "#snapshots/snapshotter.ts";
import { parseIdMapOption, planIdMap } from "#spec/engine-api/id-map-option.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { imageMountKey } from "./image-mounts.ts";
import { bindOwnMount } from "./own-mounts.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { checkPropagation, realSource } from "./propagation.ts";
import { diskMappings, type StartingUsers } from "#containers/bring-up/user-namespaces.ts";

export type MountParts = Pick<
  ContainerParts,
  "events" | "mappingNamespaces" | "mounts" | "settings" | "snapshotter" | "volumes"
>;

/** A start under way. */
export interface Starting {
  readonly record: ContainerRecord;
  readonly users: StartingUsers | undefined;
  readonly undo: AsyncDisposableStack;
}

/** The root is mounted with the owners that it has on disk. */
type StartingMounts = Starting & {
  readonly rootPath: string;
  /** Gets the volumes that were mounted. */
  readonly mounted: ContainerMount[];
};

/** Volumes made ready and filled, missing sources of binds made; the sources as they are to be mounted. */
export async function mountSources(
  parts: MountParts,
  run: StartingMounts,
  signal: AbortSignal,
): Promise<readonly ContainerMount[]> {
  const ready: ContainerMount[] = [];
  for (const mount of run.record.mounts) {
    switch (mount.kind) {
      case "tmpfs":
        ready.push(mount);
        break;
      case "bind":
        ready.push(await bindSource(parts, run, mount));
        break;
      case "image":
        ready.push(await imageSource(parts, run, mount));
        break;
      case "volume":
        ready.push(await volumeSource(parts, run, mount, signal));
        break;
    }
  }
  return ready;
}

async function bindSource(
  parts: MountParts,
  { record, users }: Starting,
  mount: ContainerMount,
): Promise<ContainerMount> {
  if (mount.createSource) makeBindSource(mount.source);
  if (/shared|slave/.test(mount.propagation)) {
    const path = realSource(mount.source);
    checkPropagation(mount.source, path, mount.propagation, parts.mounts.list());
  }
  const own = { mount, path: mount.source };
  if (mount.idMap !== undefined) {
    const userNamespacePath = await mappingPath(parts, users, mount.idMap);
    return { ...mount, source: bindOwnMount(parts, record, { ...own, userNamespacePath }) };
  }
  if (mount.recursive !== false) return mount;
  return { ...mount, source: bindOwnMount(parts, record, own) };
}

async function imageSource(
  parts: MountParts,
  { record, users, undo }: Starting,
  mount: ContainerMount,
): Promise<ContainerMount> {
  const key = imageMountKey(record, mount);
  parts.snapshotter.unmount(key);
  undo.defer(() => parts.snapshotter.unmount(key));
  const path = await parts.snapshotter.mount(key, users && (await mappedOwners(parts, users)));
  const source = mount.subpath === undefined ? path : bindOwnMount(parts, record, { mount, path });
  return { ...mount, source };
}

async function volumeSource(
  parts: MountParts,
  run: StartingMounts,
  mount: ContainerMount,
  signal: AbortSignal,
): Promise<ContainerMount> {
  const { record, users } = run;
  const { name } = mount;
  if (name === undefined) return mount;
  const path = await parts.volumes.mount(name, record.id, signal);
  run.undo.defer(() => parts.volumes.unmount(name, record.id));
  run.mounted.push(mount);
  parts.events.volumeMounted(record, mount);
  if (mount.copyUp) {
    const from = { rootfsPath: run.rootPath, destination: mount.destination };
    await parts.volumes.fill(name, record.id, from, signal);
  }
  const volume = parts.volumes.get(name);
  // what a volume's options bring in is somebody else's, as a bind's source is
  const isOurs = volume?.driver === "local" && Object.keys(volume.options).length === 0;
  const idMap = mount.idMap ?? (users && isOurs ? "" : undefined);
  if (idMap === undefined && mount.subpath === undefined) return { ...mount, source: path };
  const source = bindOwnMount(parts, record, {
    mount,
    path,
    ...(idMap === undefined ? {} : { userNamespacePath: await mappingPath(parts, users, idMap) }),
  });
  return { ...mount, source };
}

/** Where a mount finds the mapping that `idmap` asks for. */
async function mappingPath(
  parts: Pick<MountParts, "mappingNamespaces">,
  users: StartingUsers | undefined,
  idMap: string,
): Promise<string> {
  const mappings = planIdMap(parseIdMapOption(idMap), users?.mappings);
  return await parts.mappingNamespaces.pathOf(mappings);
}

function makeBindSource(source: string): void {
  try {
    mkdirSync(source, { recursive: true });
  } catch (error) {
    // a file, socket or device is as good a source as a folder
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw new FailedPreconditionError(
      `error while creating mount source path '${source}': ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** For the layers of a container and of the images it mounts. */
export async function mappedOwners(
  parts: Pick<ContainerParts, "mappingNamespaces">,
  { mappings }: Pick<StartingUsers, "mappings">,
): Promise<MappedOwners> {
  return { userNamespacePath: await parts.mappingNamespaces.pathOf(diskMappings(mappings)) };
}
