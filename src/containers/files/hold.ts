import { chownSync, existsSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { type MountParts, mountSources } from "#containers/mounts/mount-sources.ts";
import { unmountImages } from "#containers/mounts/image-mounts.ts";
import { unbindOwnMounts } from "#containers/mounts/own-mounts.ts";
import { makeEngineMountPoints } from "#containers/bring-up/prepare-root.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { mappingsOf } from "#containers/bring-up/user-namespaces.ts";
import { containerFilePaths } from "#containers/bring-up/write-container-files.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ChangedTree, ContainerView, ViewMount } from "./protocol.ts";
import { CONTAINER_USE, mountRoot, unmountRoot } from "./mount-root.ts";
import type { FilesWorkers } from "./workers.ts";

export type FilesParts = MountParts &
  Pick<ContainerParts, "background" | "lives" | "registry" | "snapshotter" | "warn"> & {
    readonly filesWorkers: FilesWorkers;
  };

/** A container whose files are being worked on. Disposal lets go of what was mounted for that. */
export interface HeldFiles extends AsyncDisposable {
  readonly record: ContainerRecord;
  /** Aborts with the request, and when the container goes. */
  readonly signal: AbortSignal;
}

export interface HeldRoot extends HeldFiles {
  readonly rootPath: string;
  readonly view: ContainerView;
}

/** @throws {NotFoundError} No such container. {ConflictError} It is on its way out. */
export function holdFiles(
  parts: Pick<FilesParts, "lives" | "registry">,
  reference: string,
  signal: AbortSignal,
): HeldFiles {
  const record = parts.registry.resolve(reference);
  refuseGoing(record);
  const { filesWork } = parts.lives.of(record.id);
  const work = new AbortController();
  filesWork.add(work);
  return {
    record,
    signal: AbortSignal.any([signal, work.signal]),
    [Symbol.asyncDispose]: async () => void filesWork.delete(work),
  };
}

/**
 * Mounts what a stopped container has, or takes a running one's mounts as they are. Both may change state
 * meanwhile: who stops leaves the root mounted, who starts finds it so.
 */
export async function holdRoot(
  parts: FilesParts,
  reference: string,
  signal: AbortSignal,
): Promise<HeldRoot> {
  await using stack = new AsyncDisposableStack();
  const files = stack.use(holdFiles(parts, reference, signal));
  const { id } = files.record;
  const live = parts.lives.of(id);
  const held = await live.lane.run(async () => {
    await live.cleaning;
    const record = parts.registry.get(id);
    refuseGoing(record);
    live.rootHolds++;
    try {
      const isRunning = record.state.status === "running";
      const rootPath = isRunning
        ? await parts.snapshotter.mount(id, undefined, CONTAINER_USE)
        : await mountRoot(parts, id);
      return { record, rootPath, view: await viewOf(parts, record, rootPath, files.signal) };
    } catch (error) {
      await release(parts, id);
      throw error;
    }
  });
  const open = stack.move();
  let isHeld = true;
  return {
    ...held,
    signal: files.signal,
    [Symbol.asyncDispose]: async () => {
      if (!isHeld) return;
      isHeld = false;
      await open.disposeAsync();
      await live.lane.run(() => release(parts, id));
    },
  };
}

/** What a container changed, and of what. */
export function changedTreeOf(parts: FilesParts, { record, rootPath }: HeldRoot): ChangedTree {
  const { snapshotter, settings } = parts;
  const form = snapshotter.layerForm;
  const lowerDirectories: string[] = [];
  for (let at = snapshotter.stat(record.id)?.parent; at !== undefined; ) {
    lowerDirectories.push(snapshotter.layerDirectory(at));
    at = form === "overlay" ? snapshotter.stat(at)?.parent : undefined;
  }
  return {
    form,
    directory: form === "overlay" ? snapshotter.layerDirectory(record.id) : rootPath,
    lowerDirectories,
    mountPoint: join(settings.directory, record.id),
  };
}

function refuseGoing({ id, state }: ContainerRecord): void {
  if (state.status !== "removing" && state.status !== "dead") return;
  throw new ConflictError(`container ${id} is marked for removal: its files are not to be had`);
}

async function viewOf(
  parts: FilesParts,
  record: ContainerRecord,
  rootPath: string,
  signal: AbortSignal,
): Promise<ContainerView> {
  const isReadOnly = record.hostConfig.ReadonlyRootfs;
  if (record.state.status === "running") {
    const mounts = [...systemFiles(parts, record, true), ...record.mounts.map(asRunning)];
    const mappings = mappingsOf(parts, record.hostConfig);
    return {
      rootPath,
      isReadOnly,
      mounts: sorted(mounts),
      process: record.state.process,
      ...(mappings && { mappings }),
    };
  }
  if (mappingsOf(parts, record.hostConfig)) ownOnDisk(parts, record);
  // what a start would make: Docker has it from the beginning
  makeEngineMountPoints(rootPath);
  // released as one with the root, when nothing needs it any more
  await using undo = new AsyncDisposableStack();
  // with the owners that all has on disk, which are the container's own ids
  const run = { record, users: undefined, rootPath, mounted: [], undo };
  const ready = await mountSources(parts, run, signal);
  undo.move();
  const mounts = ready.filter(({ kind }) => kind !== "tmpfs").map(asStopped);
  return {
    rootPath,
    isReadOnly,
    mounts: sorted([...systemFiles(parts, record, false), ...mounts]),
  };
}

function sorted(mounts: readonly ViewMount[]): readonly ViewMount[] {
  const depth = ({ destination }: ViewMount): number => destination.split("/").length;
  return mounts.toSorted((left, right) => depth(left) - depth(right));
}

function asRunning({ kind, destination, readOnly }: ContainerMount): ViewMount {
  return { destination, isReadOnly: readOnly, isBind: kind === "bind", isOptional: true };
}

function asStopped({ kind, source, destination, readOnly }: ContainerMount): ViewMount {
  const isBind = kind === "bind";
  return { source, destination, isReadOnly: readOnly, isBind, isOptional: false };
}

/** The files that the engine writes for each container; a mount of the user's takes their place. */
function systemFiles(
  parts: Pick<FilesParts, "registry" | "settings">,
  record: ContainerRecord,
  isRunning: boolean,
): readonly ViewMount[] {
  const paths = containerFilePaths(parts, record);
  const files: readonly (readonly [string, string])[] = [
    ["/etc/resolv.conf", paths.resolvConfPath],
    ["/etc/hostname", paths.hostnamePath],
    ["/etc/hosts", paths.hostsPath],
  ];
  const taken = new Set(record.mounts.map(({ destination }) => destination));
  return files
    .filter(([destination]) => !taken.has(destination))
    .map(([destination, source]) => ({
      destination,
      ...(isRunning ? {} : { source }),
      isReadOnly: record.hostConfig.ReadonlyRootfs,
      isBind: true,
      isOptional: true,
    }));
}

/** The engine's files for it belong to its root, as all on disk that is; the next start writes them anew. */
function ownOnDisk(parts: FilesParts, record: ContainerRecord): void {
  if (joinedContainer(record.hostConfig.NetworkMode) !== undefined) return; // another's
  for (const path of Object.values(containerFilePaths(parts, record)) as readonly string[]) {
    if (existsSync(path)) chownSync(path, 0, 0);
  }
}

/** In the lane. */
async function release(parts: FilesParts, id: ContainerId): Promise<void> {
  const live = parts.lives.of(id);
  live.rootHolds--;
  const record = parts.registry.find(id);
  if (!record || live.rootHolds > 0 || record.state.status === "running") return;
  for (const { kind, name } of record.mounts) {
    if (kind === "volume" && name !== undefined) await parts.volumes.unmount(name, id);
  }
  unbindOwnMounts(parts, record);
  unmountImages(parts.snapshotter, record);
  unmountRoot(parts, id);
}
