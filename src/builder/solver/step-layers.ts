import { mkdirSync, readdirSync } from "node:fs";
import { invariant } from "#base/errors.ts";
import { tarTrailer } from "#base/tar/writer.ts";
import type { LayerTree } from "#builder/files/protocol.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { Lease } from "#images/leases.ts";
import type { MappedOwners } from "#snapshots/snapshotter.ts";
import {
  type ChainId,
  chainIdOn,
  type Digest,
  type DiffId,
  digestOf,
  parseDiffId,
  parseDigest,
} from "#spec/digest.ts";
import { OCI_LAYER } from "#spec/media-types.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import type { BuiltLayer } from "./built-layer.ts";

/** Keys of active snapshots of builds: what bears it and is nobody's goes when the engine starts. */
export const BUILD_SNAPSHOT_PREFIX = "build-";

type LayerParts = Pick<
  BuilderParts,
  "clock" | "content" | "files" | "randomBytes" | "records" | "snapshots"
>;

/** The root of a step, mounted. */
export interface MountedRoot {
  /** Absolute path on the host. */
  readonly path: string;
  /** Mounts it again, at the same path, with other owners; with those on disk where there are none. */
  readonly remount: (owners?: MappedOwners) => Promise<void>;
}

/** What a step that changed nothing packs to. */
const EMPTY_TAR: Uint8Array = tarTrailer();

/** A layer to be made. */
export interface LayerRequest {
  readonly parent: ChainId | undefined;
  /** Keys that it is found under by later builds. */
  readonly keys: readonly Digest[];
  readonly description: string;
  /** An image will need its tar. */
  readonly needsBlob: boolean;
  /** It is made without the files below it. */
  readonly isLink: boolean;
}

interface WrittenLayer {
  readonly diffId: DiffId;
  /** Of its files. */
  readonly sizeBytes: number;
  readonly blob: Descriptor;
}

/** The layers that steps made, on disk and in the records. */
export class StepLayers {
  readonly #parts: LayerParts;

  constructor(parts: LayerParts) {
    this.#parts = parts;
  }

  /** What an earlier step with one of these keys made, if it is still there; held by the lease. */
  find(key: Digest, lease: Lease): BuiltLayer | undefined {
    const { records, snapshots, clock } = this.#parts;
    const entry = records.entries.get(key);
    const record = entry && records.layers.get(entry.chainId);
    if (!entry || !record || !snapshots.stat(entry.chainId)) return undefined;
    lease.addLayer(entry.chainId);
    if (record.blob) lease.add(record.blob.digest);
    records.layers.put(entry.chainId, {
      ...record,
      lastUsedMs: clock.nowMs(),
      usageCount: record.usageCount + 1,
    });
    return {
      diffId: record.diffId,
      chainId: entry.chainId,
      sizeBytes: record.sizeBytes,
      ...(record.blob ? { blob: record.blob } : {}),
      createdMs: record.createdMs,
    };
  }

  /** Lets more keys lead to a layer. */
  addKeys(chainId: ChainId, keys: readonly Digest[]): void {
    const { records } = this.#parts;
    records.transaction(() => {
      for (const key of keys) records.entries.put(key, { chainId });
    });
  }

  /**
   * Lets `work` change files on top of the parent, and keeps what it changed. A failure leaves nothing.
   */
  async make(
    request: LayerRequest,
    work: (root: MountedRoot) => Promise<void>,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer> {
    const { snapshots } = this.#parts;
    const isApart = request.isLink && snapshots.layerForm === "overlay";
    const key = this.newKey();
    snapshots.prepare(key, isApart ? undefined : request.parent);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => snapshots.remove(key));
    const path = await snapshots.mount(key, undefined, "scratch"); // what is kept is synced when it is packed
    const remount = async (owners?: MappedOwners): Promise<void> => {
      snapshots.unmount(key);
      await snapshots.mount(key, owners, "scratch");
    };
    try {
      await work({ path, remount });
    } finally {
      snapshots.unmount(key);
    }
    signal.throwIfAborted();
    return await this.#keep(key, request, isApart, lease, signal);
  }

  /** A key for an active snapshot of a build. */
  newKey(): string {
    return `${BUILD_SNAPSHOT_PREFIX}${Buffer.from(this.#parts.randomBytes(8)).toString("hex")}`;
  }

  /** With its tar in the content store, made anew where nobody needed it before. */
  async withBlob(
    layer: BuiltLayer,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer & { readonly blob: Descriptor }> {
    const { records, content } = this.#parts;
    const { blob } = layer;
    if (blob && content.info(blob.digest)) {
      lease.add(blob.digest);
      return { ...layer, blob };
    }
    const written = await this.#pack(layer, {}, lease, signal);
    invariant(
      written.diffId === layer.diffId,
      `layer ${layer.chainId} packs to ${written.diffId}, and did to ${layer.diffId}`,
    );
    const record = records.layers.get(layer.chainId);
    if (record) records.layers.put(layer.chainId, { ...record, blob: written.blob });
    return { ...layer, blob: written.blob };
  }

  /** The layer's tar with no file newer than `latestSeconds`: another layer, which has no snapshot yet. */
  async dated(
    layer: BuiltLayer,
    latestSeconds: number,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<{ readonly diffId: DiffId; readonly blob: Descriptor }> {
    return await this.#pack(layer, { latestSeconds }, lease, signal);
  }

  /**
   * The tar of what makes the tree of `top` of that of `base` (absent: of nothing): one layer in the place of all those
   * between them, which has no snapshot yet.
   */
  async difference(
    { base, top }: { readonly base: ChainId | undefined; readonly top: ChainId },
    lease: Lease,
    signal: AbortSignal,
  ): Promise<{ readonly diffId: DiffId; readonly blob: Descriptor; readonly createdMs: number }> {
    const { snapshots, clock } = this.#parts;
    await using views = new AsyncDisposableStack();
    const view = async (chainId: ChainId | undefined): Promise<string> => {
      const key = this.newKey();
      snapshots.prepare(key, chainId);
      views.defer(() => snapshots.remove(key));
      return await snapshots.mount(key, undefined, "scratch");
    };
    const below = await view(base);
    const tree: LayerTree = {
      form: "merged",
      directory: await view(top),
      lowerDirectories: [below],
      mountPoint: below,
      sameness: snapshots.layerForm === "overlay" ? "inode" : "content",
    };
    const written = await this.#write({ tree }, true, lease, signal);
    return { ...written, createdMs: clock.nowMs() };
  }

  async #pack(
    { chainId }: BuiltLayer,
    dates: { readonly latestSeconds?: number },
    lease: Lease,
    signal: AbortSignal,
  ): Promise<{ readonly diffId: DiffId; readonly blob: Descriptor }> {
    const { snapshots } = this.#parts;
    const key = this.newKey();
    // its folder serves to look at the layers below
    snapshots.prepare(key, chainId);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => snapshots.remove(key));
    const tree = this.#treeOf(chainId, snapshots.rootPath(key));
    return await this.#write({ tree, ...dates }, true, lease, signal);
  }

  async #keep(
    key: string,
    request: LayerRequest,
    isApart: boolean,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer> {
    const { snapshots, records, clock } = this.#parts;
    const tree = this.#treeOf(key, snapshots.rootPath(key));
    const written = await this.#write({ tree, isToLast: true }, request.needsBlob, lease, signal);
    const { diffId, sizeBytes } = written;
    const blob = request.needsBlob ? { blob: written.blob } : {};
    const chainId = chainIdOn(request.parent, diffId);
    lease.addLayer(chainId);
    const createdMs = clock.nowMs();
    records.transaction(() => {
      snapshots.commit(key, chainId, sizeBytes, isApart ? request.parent : undefined);
      const before = records.layers.get(chainId);
      records.put(
        chainId,
        {
          usageCount: 0,
          createdMs,
          ...before,
          diffId,
          ...(request.parent === undefined ? {} : { parent: request.parent }),
          sizeBytes,
          ...blob,
          description: request.description,
        },
        request.keys,
      );
    });
    return { diffId, chainId, sizeBytes, ...blob, createdMs };
  }

  async #write(
    given: {
      readonly tree: LayerTree;
      readonly latestSeconds?: number;
      readonly isToLast?: boolean;
    },
    needsBlob: boolean,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<WrittenLayer> {
    const { files, content } = this.#parts;
    if (isEmpty(given.tree)) {
      const empty = this.#writeEmpty(needsBlob, lease);
      if (empty) return empty;
    }
    const blobPath = needsBlob ? content.newIngestPath() : undefined;
    const job = {
      kind: "layer",
      ...given,
      ...(blobPath === undefined ? {} : { blobPath }),
    } as const;
    const { diffId, blobBytes, sizeBytes } = await files.run(job, signal);
    // a plain tar's diff id is its blob's digest
    const digest = parseDigest(diffId);
    if (blobPath !== undefined)
      await content.adopt(blobPath, { digest, sizeBytes: blobBytes }, lease);
    return { diffId, sizeBytes, blob: { mediaType: OCI_LAYER, digest, sizeBytes: blobBytes } };
  }

  /** @returns Undefined where the one tar of nothing has to be written. */
  #writeEmpty(needsBlob: boolean, lease: Lease): WrittenLayer | undefined {
    const digest = digestOf(EMPTY_TAR);
    if (needsBlob && !this.#parts.content.info(digest)) return undefined;
    if (needsBlob) lease.add(digest);
    const blob = { mediaType: OCI_LAYER, digest, sizeBytes: EMPTY_TAR.byteLength };
    return { diffId: parseDiffId(digest), sizeBytes: 0, blob };
  }

  #treeOf(name: string, mountPoint: string): LayerTree {
    const { snapshots } = this.#parts;
    const form = snapshots.layerForm;
    const lowerDirectories: string[] = [];
    for (let at = snapshots.stat(name)?.parent; at !== undefined; ) {
      lowerDirectories.push(snapshots.layerDirectory(at));
      at = form === "overlay" ? snapshots.stat(at)?.parent : undefined;
    }
    mkdirSync(mountPoint, { recursive: true, mode: 0o700 });
    return { form, directory: snapshots.layerDirectory(name), lowerDirectories, mountPoint };
  }
}

function isEmpty({ form, directory }: LayerTree): boolean {
  return form === "overlay" && readdirSync(directory).length === 0;
}
