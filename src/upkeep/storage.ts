import { type Dirent, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import type { Files } from "#host/files.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { digestHex } from "#spec/digest.ts";
import { sum } from "./disk-usage.ts";

/** A folder or file in the data root that no record names. */
export interface Unowned {
  readonly path: string;
  readonly sizeBytes: number;
}

/** What the data root holds besides layers, containers' files and volumes, in bytes. */
export interface StorageUsage {
  /** Logs of containers. */
  readonly logsBytes: number;
  /** Blobs as they came: manifests, configurations, packed layers. */
  readonly blobsBytes: number;
  /** Records, plugins, small files of containers: what the engine keeps for itself. */
  readonly engineBytes: number;
  /** Removed, and about to be freed; half-received blobs. */
  readonly pendingBytes: number;
  readonly unowned: readonly Unowned[];
}

/** Who is known to own what in the data root. */
export interface Owners {
  readonly containerIds: ReadonlySet<string>;
  readonly volumeNames: ReadonlySet<string>;
  /** Names of the storage driver's folders that snapshots have. */
  readonly snapshotFolders: ReadonlySet<string>;
  /** Hex digests that an image names or a transfer holds. */
  isBlobOwned(hex: string): boolean;
}

/** What a place in the data root is. "counted" is in the sums of `DiskUsage` already. */
export type StorageKind = "log" | "blob" | "engine" | "pending" | "counted" | "unowned";

const CONTAINER_FILES: ReadonlySet<string> = new Set([
  "hosts",
  "hostname",
  "resolv.conf",
  "resolv.conf.hash",
  "checkpoints",
  "config",
  "mounts",
  "secrets",
]);

/**
 * Whose `parts` is: a path below the data root, `driver` being the storage driver's folder. "into" means
 * that what is in it has to be looked at one by one.
 */
export function classifyStorage(
  parts: readonly string[],
  driver: string,
  owners: Owners,
): StorageKind | "into" {
  const [top = "", second, third] = parts;
  if (second === undefined) {
    return [driver, "containers", "volumes", "content"].includes(top) ? "into" : classifyTop(top);
  }
  switch (top) {
    case driver:
      if (second === ".trash") return "pending";
      if (second.startsWith(".")) return "engine";
      return owners.snapshotFolders.has(second) ? "counted" : "unowned";
    case "volumes":
      if (!owners.volumeNames.has(second)) return "unowned";
      return "counted";
    case "containers":
      if (!owners.containerIds.has(second)) return "unowned";
      if (third === undefined) return "into";
      return CONTAINER_FILES.has(third) ? "engine" : "log";
    case "content":
      return classifyContent(parts, owners);
    default:
      return "engine";
  }
}

const ENGINE_FILES: readonly RegExp[] = [
  /^wharf\.db(-wal|-shm|-journal)?$/,
  /^engine-id$/,
  /^lock$/,
  /^(plugins|tls|swarm|tmp|builder|buildkit|trust|logs|runtimes|checkpoints)$/,
  // of another storage driver, which the engine was started with before
  /^(overlay2|fuse-overlayfs|btrfs|vfs)$/,
  /^lost\+found$/,
];

function classifyTop(name: string): StorageKind {
  return ENGINE_FILES.some((pattern) => pattern.test(name)) ? "engine" : "unowned";
}

function classifyContent(parts: readonly string[], owners: Owners): StorageKind | "into" {
  const [, second, , fourth] = parts;
  if (second === "ingest" || second === "partial") return "pending";
  if (second !== "blobs") return "unowned";
  if (fourth === undefined) return "into";
  return owners.isBlobOwned(fourth) ? "blob" : "unowned";
}

export interface StorageSources {
  readonly dataRoot: string;
  readonly files: Pick<Files, "diskUsage">;
  readonly snapshotter: Pick<Snapshotter, "driver" | "list" | "layerDirectory">;
  readonly content: Pick<ContentStore, "list" | "isLeased">;
  readonly isBlobNamed: (digest: ReturnType<ContentStore["list"]>[number]["digest"]) => boolean;
  readonly containerIds: () => Iterable<string>;
  readonly volumeNames: () => Iterable<string>;
}

export function readOwners(sources: StorageSources): Owners {
  const { snapshotter, content } = sources;
  const folders = snapshotter.list().map(({ name }) => snapshotter.layerDirectory(name));
  const blobs = content
    .list()
    .filter(({ digest }) => sources.isBlobNamed(digest) || content.isLeased(digest))
    .map(({ digest }) => digestHex(digest));
  const owned = new Set(blobs);
  return {
    containerIds: new Set(sources.containerIds()),
    volumeNames: new Set(sources.volumeNames()),
    snapshotFolders: new Set(folders.map((path) => dirname(path).split("/").at(-1) ?? "")),
    isBlobOwned: (hex) => owned.has(hex),
  };
}

interface Place {
  readonly path: string;
  readonly kind: StorageKind;
}

/** Every place of the data root that has one owner, or none. */
export function listStorage(sources: StorageSources): readonly Place[] {
  const { dataRoot, snapshotter } = sources;
  // Records are read after the folders: what is made meanwhile has its record by then.
  const entries = walk(dataRoot, snapshotter.driver);
  const owners = readOwners(sources);
  const places: Place[] = [];
  for (const parts of entries) {
    const kind = classifyStorage(parts, snapshotter.driver, owners);
    if (kind === "into") continue;
    const isInOwned = places.at(-1);
    const path = join(dataRoot, ...parts);
    if (isInOwned && path.startsWith(`${isInOwned.path}/`)) continue;
    places.push({ path, kind });
  }
  return places;
}

/** Parts of the paths that `classifyStorage` may be asked for, a folder before what is in it. */
function walk(dataRoot: string, driver: string): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const visit = (parts: readonly string[], depth: number): void => {
    for (const entry of readFolder(join(dataRoot, ...parts))) {
      const child = [...parts, entry.name];
      found.push(child);
      if (depth > 1 && entry.isDirectory()) visit(child, depth - 1);
    }
  };
  const depths: Readonly<Record<string, number>> = {
    [driver]: 1,
    volumes: 1,
    containers: 2,
    content: 3,
  };
  for (const entry of readFolder(dataRoot)) {
    found.push([entry.name]);
    const depth = depths[entry.name];
    if (depth !== undefined && entry.isDirectory()) visit([entry.name], depth);
  }
  return found;
}

function readFolder(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Looks through the data root. Reads folders, changes nothing. */
export async function readStorageUsage(sources: StorageSources): Promise<StorageUsage> {
  const places = listStorage(sources).filter(({ kind }) => kind !== "counted");
  const sizes = await Promise.all(places.map(({ path }) => sizeOf(sources.files, path)));
  const measured = places.map((place, index) => ({ ...place, sizeBytes: sizes[index] ?? 0 }));
  const bytesOf = (kind: StorageKind): number =>
    sum(measured.filter((place) => place.kind === kind).map(({ sizeBytes }) => sizeBytes));
  return {
    logsBytes: bytesOf("log"),
    blobsBytes: bytesOf("blob"),
    engineBytes: bytesOf("engine"),
    pendingBytes: bytesOf("pending"),
    unowned: measured
      .filter(({ kind }) => kind === "unowned")
      .map(({ path, sizeBytes }) => ({ path, sizeBytes })),
  };
}

/** @returns 0 for what is gone by now. */
async function sizeOf(files: Pick<Files, "diskUsage">, path: string): Promise<number> {
  try {
    return (await files.diskUsage(path)).apparentBytes;
  } catch (error) {
    if (error instanceof NotFoundError) return 0;
    throw error;
  }
}
