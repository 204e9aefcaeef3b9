import { abortable, type Deferred, deferred, forEachLimited } from "#base/async.ts";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import type { BlobInfo, ContentStore } from "#content/content.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import {
  type ChainId,
  chainIdOn,
  chainIdsOf,
  type Digest,
  type DiffId,
  parseDiffId,
  tryParseDigest,
} from "#spec/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "#spec/media-types.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import { adoptImpliedDirectories } from "./implied-directories.ts";
import type { ContentReferences, Lease, Leases } from "./leases.ts";
import type { ImageRecords } from "./records.ts";
import type { LayerUnpacker } from "./unpack/process-unpacker.ts";
import type { LayerPacking, UnpackResult } from "./unpack/protocol.ts";
import { type Extraction, UnpackedAhead } from "./unpacked-ahead.ts";

/** More at once only compete for the disk. */
const PARALLEL_UNPACKS = 3;
/** Docker's limit, well within overlayfs's 500. */
const MAX_LAYERS = 125;
const EXTRACT_PREFIX = "extract-";

const MEDIA_TYPES: Readonly<Record<LayerPacking, string>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
};

export interface LayersOptions {
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly records: ImageRecords;
  /** Of other domains, which keep layers and blobs as images' records do. */
  readonly references: readonly ContentReferences[];
  readonly unpacker: LayerUnpacker;
  readonly leases: Leases;
}

/** A layer to be had: its blob, and the diff id that the image's config claims. */
export interface WantedLayer {
  readonly blob: BlobInfo;
  readonly diffId: DiffId;
  /** Absent: the blob is in the content store. */
  readonly arriving?: ArrivingBlob;
  /** From `unpackAhead`, which stays its caller's. */
  readonly ahead?: UnpackedAhead;
}

/** A blob on its way into the content store. */
export interface ArrivingBlob {
  /** Its file, as soon as there is one; somewhere else once it is whole. */
  readonly opened: Promise<string>;
  /** Bytes that the file has, each time there are more; ends when all are. */
  readonly grown: () => AsyncIterable<number>;
  /** Rejects when it cannot be had, or is not what it was announced as. */
  readonly whole: Promise<unknown>;
}

export interface LayerProgress {
  readonly diffId: DiffId;
  readonly currentBytes: number;
  readonly totalBytes: number;
}

/** A layer whose diff id nobody may have claimed yet. */
type ExtractedLayer = Pick<WantedLayer, "blob" | "arriving"> & { readonly diffId?: DiffId };

/** What became of a layer: unpacked here, or provided by another operation meanwhile. */
type Outcome = Extraction | { readonly shared: Descriptor };

/**
 * Images' layers on disk. A layer is a committed snapshot under its chain id and a blob; both stay as
 * long as a record, or the lease of an operation under way, names them.
 */
export class Layers {
  readonly #options: LayersOptions;
  /** Layers that an operation under way provides, by chain id and blob. */
  readonly #underWay = new Map<string, Promise<Descriptor>>();
  #nextExtraction = 1;
  /** A blob that is unpacked ahead is not whole yet. */
  #isAheadArriving = false;

  constructor(options: LayersOptions) {
    this.#options = options;
  }

  /**
   * Unpacks and commits the layers that are not there yet. The caller's lease holds their chain ids.
   *
   * @param wanted Lowest first.
   * @param lease Holds their blobs, also where they are other ones than wanted.
   * @returns Their verified blobs, which for a layer that was there may be another packing of it.
   * @throws {InvalidArgumentError} A blob is damaged or is not the layer that it claims to be. Layers
   *   committed before stay for `sweep`.
   */
  async provide(
    wanted: readonly WantedLayer[],
    lease: Pick<Lease, "add">,
    onProgress: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[]> {
    if (wanted.length > MAX_LAYERS) throw new InvalidArgumentError("max depth exceeded");
    const chainIds = chainIdsOf(wanted.map((layer) => layer.diffId));
    const known = chainIds.map((id) => this.#verified(id));
    // blobs of who named them so far, and may be removed meanwhile
    for (const descriptor of known) if (descriptor) lease.add(descriptor.digest);
    const shared = wanted.map((layer, index) =>
      this.#underWay.get(shareKey(chainIds[index], layer)),
    );
    using promises = this.#promise(wanted, chainIds, (index) => !known[index] && !shared[index]);
    const descriptors: Descriptor[] = [];
    const isOverlay = this.#options.snapshots.layerForm === "overlay";
    const extractions = new Extractions();
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const extractOne = async (index: number, parent: ChainId | undefined): Promise<void> => {
      const layer = wanted[index];
      if (!layer || known[index]) return;
      try {
        const ready = await settled(shared[index], either);
        if (ready) return extractions.settle(index, { shared: ready });
        const ahead = await this.#takeAhead(layer, onProgress, either);
        extractions.settle(
          index,
          ahead ?? (await this.#extract(layer, index, parent, onProgress, either)),
        );
      } catch (error) {
        failure.abort(error);
        throw error;
      }
    };
    const commitAll = async (): Promise<void> => {
      for (const [index, layer] of wanted.entries()) {
        const parent = chainIds[index - 1];
        const verified = known[index];
        if (verified) {
          descriptors.push(verified);
          continue;
        }
        if (!isOverlay) await extractOne(index, parent);
        const outcome = await extractions.take(index, either);
        if ("shared" in outcome) {
          descriptors.push(outcome.shared);
          continue;
        }
        await this.#adoptImplied(outcome, chainIds.slice(0, index));
        const descriptor = this.#commit(outcome, layer, chainIds[index], parent);
        descriptors.push(descriptor);
        promises.keep(index, descriptor);
        extractions.forget(index);
      }
    };
    try {
      const indexes = isOverlay ? wanted.keys() : [];
      const results = await Promise.allSettled([
        forEachLimited(indexes, PARALLEL_UNPACKS, (index) => extractOne(index, undefined)),
        commitAll().catch((error: unknown) => {
          failure.abort(error);
          throw error;
        }),
      ]);
      signal.throwIfAborted();
      for (const result of results) if (result.status === "rejected") throw result.reason;
      return descriptors;
    } finally {
      for (const key of extractions.left()) await this.#options.snapshots.remove(key);
    }
  }

  /**
   * Begins to unpack what may be a layer while it comes, for a `WantedLayer` later on.
   *
   * @param blob What it is said to be; `arriving` rejects when it is another.
   * @returns For the caller to dispose of. Undefined where a layer is unpacked on those below it, which nobody knows yet,
   *   and while another such blob comes: of clients that send no more, one at most may keep an unpacking process.
   */
  unpackAhead(blob: BlobInfo, arriving: ArrivingBlob): UnpackedAhead | undefined {
    const { snapshots } = this.#options;
    if (snapshots.layerForm !== "overlay" || this.#isAheadArriving) return undefined;
    this.#isAheadArriving = true;
    const onWhole = (): void => void (this.#isAheadArriving = false);
    arriving.whole.then(onWhole, onWhole);
    return new UnpackedAhead({
      extract: (signal) =>
        this.#extractOnce({ blob, arriving }, 0, undefined, () => undefined, signal),
      remove: (key) => snapshots.remove(key),
    });
  }

  /** Unpacks one layer on another that is there; what is there already stays as it is. */
  async provideOn(
    parent: ChainId | undefined,
    layer: WantedLayer,
    signal: AbortSignal,
  ): Promise<void> {
    const { snapshots } = this.#options;
    const chainId = chainIdOn(parent, layer.diffId);
    if (snapshots.stat(chainId)) return;
    const below: ChainId[] = [];
    for (let at: string | undefined = parent; at !== undefined; at = snapshots.stat(at)?.parent) {
      below.unshift(at as ChainId); // committed snapshots are called by their chain ids
    }
    const isOverlay = snapshots.layerForm === "overlay";
    const extraction = await this.#extract(
      layer,
      0,
      isOverlay ? undefined : parent,
      () => {},
      signal,
    );
    try {
      await this.#adoptImplied(extraction, below);
      // another may have brought it meanwhile
      if (snapshots.stat(chainId)) await snapshots.remove(extraction.key);
      else this.#commit(extraction, layer, chainId, parent);
    } catch (error) {
      await snapshots.remove(extraction.key);
      throw error;
    }
  }

  /**
   * Unpacks the only layer of an image whose diff id nobody has claimed yet, and commits it.
   *
   * @param lease Holds it until a record names it.
   */
  async adopt(blob: BlobInfo, lease: Lease, signal: AbortSignal): Promise<DiffId> {
    const extraction = await this.#extract({ blob }, 0, undefined, () => {}, signal);
    const { diffId } = extraction.result;
    const [chainId] = chainIdsOf([diffId]);
    if (chainId !== undefined) lease.addLayer(chainId);
    this.#commit(extraction, { blob, diffId }, chainId, undefined);
    return diffId;
  }

  /** Whether the layer is committed, and an image names it with a blob. */
  has(chainId: ChainId): boolean {
    return this.#verified(chainId) !== undefined;
  }

  /** To be awaited before an image's record names its layers: from then on they survive a power cut. */
  async sync(): Promise<void> {
    await this.#options.snapshots.sync();
  }

  /** Sum of the layers' own files, in bytes. */
  sizeBytes(diffIds: readonly DiffId[]): number {
    return chainIdsOf(diffIds).reduce((sum, id) => sum + this.layerSizeBytes(id), 0);
  }

  layerSizeBytes(chainId: ChainId): number {
    return this.#options.snapshots.stat(chainId)?.sizeBytes ?? 0;
  }

  /**
   * Removes layers, and blobs, that nothing names and no lease holds; a layer that a container still
   * stands on stays for a later sweep.
   *
   * @returns Chain ids of the removed ones, topmost first, and what their files and blobs took.
   */
  async sweep(): Promise<{ readonly removed: readonly ChainId[]; readonly freedBytes: number }> {
    const { snapshots, records, references, content } = this.#options;
    const removed: ChainId[] = [];
    let freedBytes = 0;
    const all = snapshots.list();
    const childCounts = new Map<string, number>();
    for (const { parent } of all) {
      if (parent !== undefined) childCounts.set(parent, (childCounts.get(parent) ?? 0) + 1);
    }
    const byName = new Map(all.map((info) => [info.name, info]));
    for (const first of all) {
      for (let info = first; ; ) {
        const id = this.#unnamed(info.name);
        if (info.kind !== "committed" || id === undefined) break;
        if (!byName.has(info.name) || (childCounts.get(info.name) ?? 0) > 0) break;
        // decided and recorded in one stretch: nobody can prepare a child in between
        const removal = snapshots.remove(info.name);
        byName.delete(info.name);
        removed.push(id);
        freedBytes += info.sizeBytes ?? 0;
        await removal;
        const parent = info.parent === undefined ? undefined : byName.get(info.parent);
        if (!parent) break;
        childCounts.set(parent.name, (childCounts.get(parent.name) ?? 1) - 1);
        info = parent;
      }
    }
    const namers = [records, ...references];
    await content.collect((digest) => namers.some((namer) => namer.isBlobNamed(digest)));
    return { removed, freedBytes };
  }

  /** Committed layers that `sweep` would remove, but for those that something stands on. */
  unnamed(): readonly ChainId[] {
    const { snapshots } = this.#options;
    const parents = new Set(snapshots.list().map(({ parent }) => parent));
    return snapshots
      .list()
      .filter(({ name, kind }) => kind === "committed" && !parents.has(name))
      .flatMap(({ name }) => this.#unnamed(name) ?? []);
  }

  isBlobNamed(digest: Digest): boolean {
    const { records, references } = this.#options;
    return [records, ...references].some((namer) => namer.isBlobNamed(digest));
  }

  /** Removes what extractions left that a crash cut off. Called once at start, before any other. */
  async removeAbandoned(): Promise<void> {
    const { snapshots } = this.#options;
    for (const { name, kind } of snapshots.list()) {
      if (kind === "active" && name.startsWith(EXTRACT_PREFIX)) await snapshots.remove(name);
    }
  }

  #unnamed(name: string): ChainId | undefined {
    if (!tryParseDigest(name).ok) return undefined;
    const id = name as ChainId;
    const { leases, records, references } = this.#options;
    const namers = [records, ...references];
    const isNamed = leases.isHeld(id) || namers.some((namer) => namer.isChainNamed(id));
    return isNamed ? undefined : id;
  }

  /** The blob of a layer that is committed, as far as its contents were verified with it. */
  #verified(chainId: ChainId): Descriptor | undefined {
    const { snapshots, records, references } = this.#options;
    if (!snapshots.stat(chainId)) return undefined;
    const known = records.layerOf(chainId);
    if (known) return known;
    for (const reference of references) {
      const made = reference.layerOf?.(chainId);
      if (made) return made;
    }
    return undefined;
  }

  async #takeAhead(
    { ahead, diffId, blob: { sizeBytes } }: WantedLayer,
    onProgress: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<Extraction | undefined> {
    const extraction = await ahead?.take(diffId, signal);
    if (extraction) onProgress({ diffId, currentBytes: sizeBytes, totalBytes: sizeBytes });
    return extraction;
  }

  async #extract(
    layer: ExtractedLayer,
    index: number,
    parent: ChainId | undefined,
    onProgress: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<Extraction> {
    try {
      return await this.#extractOnce(layer, index, parent, onProgress, signal);
    } catch (error) {
      const { arriving, ...whole } = layer;
      if (!arriving || !(error instanceof InvalidArgumentError)) throw error;
      // the download's own complaint says more; and what it threw away and fetched again was read as it was first
      await abortable(arriving.whole, signal);
      return await this.#extractOnce(whole, index, parent, onProgress, signal);
    }
  }

  /** @throws Also where the bytes that were read while they came were not yet those of the blob. */
  async #extractOnce(
    layer: ExtractedLayer,
    index: number,
    parent: ChainId | undefined,
    onProgress: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<Extraction> {
    const { snapshots } = this.#options;
    const { arriving } = layer;
    // by name, where the blob cannot be had at all
    if (arriving) await abortable(Promise.race([arriving.opened, arriving.whole]), signal);
    signal.throwIfAborted();
    const key = `${EXTRACT_PREFIX}${this.#nextExtraction++}`;
    snapshots.prepare(key, parent);
    const totalBytes = layer.blob.sizeBytes;
    const { diffId } = layer;
    try {
      await snapshots.fill(key);
      const onRead = (currentBytes: number): void => {
        if (diffId && currentBytes < totalBytes) onProgress({ diffId, currentBytes, totalBytes });
      };
      const result = await this.#unpack(layer, key, onRead, signal);
      if (arriving) await abortable(arriving.whole, signal);
      if (diffId !== undefined && result.diffId !== diffId) {
        throw new InvalidArgumentError(
          `invalid diffID for layer ${index}: expected ${JSON.stringify(diffId)}, ` +
            `got ${JSON.stringify(result.diffId)}`,
        );
      }
      if (diffId) onProgress({ diffId, currentBytes: totalBytes, totalBytes });
      return { key, result };
    } catch (error) {
      await snapshots.remove(key);
      throw error;
    }
  }

  async #unpack(
    layer: Pick<WantedLayer, "blob" | "arriving">,
    key: string,
    onProgress: (readBytes: number) => void,
    signal: AbortSignal,
  ): Promise<UnpackResult> {
    const { snapshots, content, unpacker } = this.#options;
    const { blob, arriving } = layer;
    const path = content.pathOf(blob.digest);
    const isWhole = content.info(blob.digest) !== undefined;
    const growing = isWhole ? undefined : arriving;
    const request = {
      blobPath: growing ? await growing.opened : path,
      ...(growing
        ? { movedPath: path, growing: { sizeBytes: blob.sizeBytes, grown: growing.grown() } }
        : {}),
      directory: snapshots.layerDirectory(key),
      form: snapshots.layerForm,
      ...plainDiffId(blob.digest),
      onProgress,
    };
    const failure = new AbortController();
    growing?.whole.catch((error: unknown) => failure.abort(error));
    return await unpacker.unpack(request, AbortSignal.any([signal, failure.signal]));
  }

  /** Tells other operations that this one provides some layers. Disposing breaks what was not kept. */
  #promise(
    wanted: readonly WantedLayer[],
    chainIds: readonly ChainId[],
    isOwn: (index: number) => boolean,
  ): Disposable & { keep(index: number, descriptor: Descriptor): void } {
    const promised = new Map<
      number,
      { readonly key: string; readonly result: Deferred<Descriptor> }
    >();
    for (const [index, layer] of wanted.entries()) {
      const key = shareKey(chainIds[index], layer);
      if (!isOwn(index) || this.#underWay.has(key)) continue;
      const result = deferred<Descriptor>();
      result.promise.catch(() => undefined); // nobody may be waiting
      this.#underWay.set(key, result.promise);
      promised.set(index, { key, result });
    }
    return {
      keep: (index, descriptor) => promised.get(index)?.result.resolve(descriptor),
      [Symbol.dispose]: () => {
        for (const { key, result } of promised.values()) {
          this.#underWay.delete(key);
          result.reject(new CancelledError("The operation that provided the layer has failed"));
        }
      },
    };
  }

  async #adoptImplied(extraction: Extraction, parents: readonly ChainId[]): Promise<void> {
    const { snapshots } = this.#options;
    if (snapshots.layerForm !== "overlay") return;
    await adoptImpliedDirectories(
      snapshots.layerDirectory(extraction.key),
      extraction.result.impliedDirectories,
      parents.toReversed().map((id) => snapshots.layerDirectory(id)),
    );
  }

  #commit(
    extraction: Extraction,
    layer: WantedLayer,
    chainId: ChainId | undefined,
    parent: ChainId | undefined,
  ): Descriptor {
    const { key, result } = extraction;
    this.#options.snapshots.commit(key, chainId ?? layer.diffId, result.sizeBytes, parent);
    return {
      mediaType: MEDIA_TYPES[result.packing],
      digest: layer.blob.digest,
      sizeBytes: layer.blob.sizeBytes,
    };
  }
}

function shareKey(chainId: ChainId | undefined, layer: WantedLayer): string {
  return `${chainId ?? ""} ${layer.blob.digest}`;
}

/** What another operation provides; undefined where it has failed, or there is none. */
async function settled(
  shared: Promise<Descriptor> | undefined,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  if (!shared) return undefined;
  return await abortable(
    shared.catch(() => undefined),
    signal,
  );
}

/** A plain tar's diff id is its blob's digest, which was verified when it came in. */
function plainDiffId(digest: Digest): { readonly plainDiffId?: DiffId } {
  return digest.startsWith("sha256:") ? { plainDiffId: parseDiffId(digest) } : {};
}

/** Extractions by layer, settled in any order and taken in the layers' order. */
class Extractions {
  readonly #done = new Map<number, Outcome>();
  readonly #waiting = new Map<number, (extraction: Outcome) => void>();

  settle(index: number, extraction: Outcome): void {
    this.#done.set(index, extraction);
    this.#waiting.get(index)?.(extraction);
  }

  async take(index: number, signal: AbortSignal): Promise<Outcome> {
    let extraction = this.#done.get(index);
    if (!extraction) {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      this.#waiting.set(index, resolve);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      extraction = await promise.finally(() => signal.removeEventListener("abort", onAbort));
    }
    return extraction;
  }

  /** After its commit. */
  forget(index: number): void {
    this.#done.delete(index);
  }

  /** Keys that were not committed. */
  left(): readonly string[] {
    return [...this.#done.values()].flatMap((outcome) => ("key" in outcome ? [outcome.key] : []));
  }
}
