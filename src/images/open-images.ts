import { KeyedMutex, Semaphore } from "#base/async.ts";
import type { ContentStore } from "#content/content.ts";
import type { Events } from "#events/events.ts";
import type { Clock } from "#host/clock.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { type ChainId, chainIdOn, type Digest } from "#spec/digest.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import type { Platform } from "#spec/platform.ts";
import {
  familiarName,
  familiarReference,
  formatImageReference,
  type ImageReference,
  parseImageReference,
} from "#spec/reference.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Store } from "#store/store.ts";
import { addImage } from "./add-image.ts";
import { madeParts } from "./made-parts.ts";
import { commitLayer } from "./commit.ts";
import type { Programs } from "./archive/decompress.ts";
import type { Fault } from "#base/fault.ts";
import { auditImages } from "./audit.ts";
import { historyOf } from "./history.ts";
import type {
  AddRequest,
  Attestation,
  CommitRequest,
  HandedImage,
  ImageHistoryEntry,
  ImageProgress,
  ImageRecord,
  Images,
  ImageUser,
  ImportRequest,
  PullRequest,
  PushRequest,
  LoadRequest,
  ManifestSummary,
  ReadableBlob,
  ReceiveRequest,
  RemovedImage,
} from "./images.ts";
import { importTar } from "./import.ts";
import { type ContentReferences, type Lease, Leases } from "./leases.ts";
import { Layers } from "./layers.ts";
import { Downloads } from "./registry/downloads.ts";
import type { FetchImageOptions } from "./registry/fetch-image.ts";
import { handOver, openImageBlob } from "./transfer/hand-over.ts";
import { receiveImage } from "./transfer/receive.ts";
import { pullImages } from "./registry/pull.ts";
import { pushImages } from "./registry/push.ts";
import { listImages } from "./list.ts";
import { loadArchive } from "./load.ts";
import { previewPrune, pruneImages } from "./prune.ts";
import {
  contentBytesOf,
  listAttestations,
  readAttestation,
  summariseManifests,
} from "./manifests.ts";
import { ImageRecords, parseTagTarget, topChainIdOf } from "./records.ts";
import { type Removal, removeImage } from "./remove.ts";
import { blobsToSave, saveImages, selectImages } from "./save.ts";
import { type ImageSizes, measureImages } from "./sizes.ts";
import { chooseVariant, variantsOf } from "./variants.ts";
import type { LayerUnpacker } from "./unpack/process-unpacker.ts";

export interface ImagesOptions {
  readonly store: Store;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly unpacker: LayerUnpacker;
  /** Starts xz and bzip2. */
  readonly processes: Programs;
  /** Records of other domains that keep layers and blobs: a build cache. */
  readonly references?: readonly ContentReferences[];
  readonly events: Pick<Events, "publish">;
  readonly clock: Pick<Clock, "nowMs" | "nowNanos">;
  readonly registries: RegistryClient;
  readonly transfers: { readonly maxDownloads: number; readonly maxUploads: number };
  /** The host's, which chooses from archives of several platforms. */
  readonly platform: Platform;
}

/**
 * Opens the images of this engine. What a crash left half done (extractions, layers and blobs that no
 * image names) is removed first.
 */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const records = new ImageRecords(options.store);
  const leases = new Leases(options.content);
  const { references = [] } = options;
  const layers = new Layers({ ...options, records, leases, references });
  await layers.removeAbandoned();
  await layers.sweep();
  return new LocalImages(options, records, layers, leases);
}

class LocalImages implements Images {
  readonly #options: ImagesOptions;
  readonly #records: ImageRecords;
  readonly #layers: Layers;
  readonly #leases: Leases;
  readonly #holds = new Map<Digest, number>();
  readonly #downloads: Downloads;
  readonly #uploads: Semaphore;
  readonly #packing = new KeyedMutex<Digest>();

  constructor(options: ImagesOptions, records: ImageRecords, layers: Layers, leases: Leases) {
    this.#options = options;
    this.#records = records;
    this.#layers = layers;
    this.#leases = leases;
    const { content, registries, transfers } = options;
    const { maxDownloads, maxUploads } = transfers;
    this.#downloads = new Downloads({
      content,
      maxDownloads,
      retry: registries.retry,
      onUnwanted: () => void layers.sweep().catch(() => undefined), // the next sweep says it again
    });
    this.#uploads = new Semaphore(maxUploads);
  }

  resolve(reference: string, platform?: Platform): ImageRecord {
    const image = this.#records.resolve(reference);
    return platform ? chooseVariant(this.#records, image, reference, platform) : image;
  }

  variants(image: ImageRecord): readonly ImageRecord[] {
    return variantsOf(this.#records, image);
  }

  async manifests(image: ImageRecord): Promise<readonly ManifestSummary[]> {
    return await summariseManifests(this.#options.content, this.#records, image);
  }

  async attestations(image: ImageRecord): Promise<readonly Attestation[]> {
    return await listAttestations(this.#options.content, image);
  }

  async readAttestation(attestation: Attestation): Promise<string> {
    return await readAttestation(this.#options.content, attestation);
  }

  list(request: { readonly all: boolean; readonly filters: Filters }): readonly ImageRecord[] {
    return listImages(this.#records, request, this.#options.clock.nowNanos());
  }

  history(reference: string, platform?: Platform): readonly ImageHistoryEntry[] {
    return historyOf(this.resolve(reference, platform), this.#records, this.#layers);
  }

  async load(
    request: LoadRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<readonly ImageRecord[]> {
    return await this.#sweepOnFailure(async () => {
      const loaded = await loadArchive(this.#addOptions(), request, onProgress, signal);
      for (const image of loaded) this.#publish("load", image, image.id);
      return loaded;
    });
  }

  async import(request: ImportRequest, signal: AbortSignal): Promise<ImageRecord> {
    return await this.#sweepOnFailure(async () => {
      const image = await importTar(this.#addOptions(), request, signal);
      for (const tag of image.tags) this.#publish("tag", image, tag);
      this.#publish("import", image, image.id);
      return image;
    });
  }

  async add(request: AddRequest, signal: AbortSignal): Promise<ImageRecord> {
    const parts = await madeParts(this.#options.content, request, signal);
    return await addImage(this.#addOptions(), parts, request.lease, () => {}, signal);
  }

  async provideLayer(
    { parent, lease, ...layer }: Parameters<Images["provideLayer"]>[0],
    signal: AbortSignal,
  ): Promise<number> {
    const chainId = chainIdOn(parent, layer.diffId);
    lease.addLayer(chainId);
    await this.#layers.provideOn(parent, layer, signal);
    await this.#layers.sync();
    return this.#layers.layerSizeBytes(chainId);
  }

  async commit(request: CommitRequest, signal: AbortSignal): Promise<ImageRecord> {
    return await this.#sweepOnFailure(async () => {
      using _ = this.hold(request.parent.id);
      const image = await commitLayer(this.#addOptions(), request, signal);
      this.#publish("create", image, image.id);
      for (const tag of image.tags) this.#publish("tag", image, tag);
      return image;
    });
  }

  save(
    {
      references,
      platforms,
    }: { readonly references: readonly string[]; readonly platforms: readonly Platform[] },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const select = (): ReturnType<typeof selectImages> =>
      selectImages(this.#records, references, platforms);
    select(); // what is not here is told before the first byte is asked for
    const { content } = this.#options;
    const leases = this.#leases;
    const publish = (images: ReturnType<typeof selectImages>): void => {
      for (const { image } of images) this.#publish("save", image, image.id);
    };
    async function* archive(): AsyncIterable<Uint8Array> {
      using lease = leases.open();
      const images = select();
      for (const digest of blobsToSave(images)) lease.add(digest);
      yield* saveImages(content, images, signal);
      publish(images);
    }
    return archive();
  }

  tag(reference: string, target: string): void {
    const image = this.resolve(reference);
    const tag = parseTagTarget(target);
    this.#records.assignTag(image.id, tag, this.#options.clock.nowMs());
    this.#publish("tag", image, tag);
  }

  nameByDigest(id: Digest, repository: string, digest: Digest): string {
    const { domain, path } = parseImageReference(repository);
    this.#records.assignDigest(id, `${familiarName({ domain, path })}@${digest}`);
    return formatImageReference({ domain, path, digest });
  }

  async pull(
    request: PullRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { ...this.#fetchOptions(), registries: this.#options.registries };
    await this.#sweepOnFailure(() =>
      pullImages(
        options,
        request,
        onProgress,
        (image, reference) => this.#publishTransfer("pull", image, reference),
        signal,
      ),
    );
  }

  async receive(
    request: ReceiveRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    return await this.#sweepOnFailure(async () => {
      const image = await receiveImage(this.#fetchOptions(), request, onProgress, signal);
      for (const tag of image.tags.filter((one) => request.tags.includes(one))) {
        this.#publish("tag", image, tag);
      }
      this.#publish("load", image, image.id);
      return image;
    });
  }

  async handOver(reference: string): Promise<HandedImage> {
    return await handOver(this.#options.content, this.#leases, this.resolve(reference));
  }

  openBlob(reference: string, digest: Digest): ReadableBlob {
    return openImageBlob(this.#options.content, this.#leases, this.resolve(reference), digest);
  }

  async push(
    request: PushRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { registries, content } = this.#options;
    const options = {
      registries,
      content,
      records: this.#records,
      leases: this.#leases,
      uploads: this.#uploads,
      packing: this.#packing,
    };
    const onPushed = (image: ImageRecord, reference: ImageReference): void =>
      this.#publishTransfer("push", image, reference);
    await pushImages(options, request, onProgress, onPushed, signal);
  }

  async remove(
    reference: string,
    options: {
      readonly force: boolean;
      readonly pruneParents: boolean;
      readonly platforms?: readonly Platform[];
    },
    users: readonly ImageUser[],
  ): Promise<readonly RemovedImage[]> {
    const removal = removeImage(this.#removeContext(users), { reference, ...options });
    return (await this.#finish([removal])).removed;
  }

  async prune(
    request: { readonly filters: Filters },
    users: readonly ImageUser[],
  ): Promise<{ readonly removed: readonly RemovedImage[]; readonly reclaimedBytes: number }> {
    const { clock } = this.#options;
    const context = this.#removeContext(users);
    const removals = pruneImages(context, request.filters, clock.nowNanos());
    const { removed, freedBytes } = await this.#finish(removals);
    this.#options.events.publish({
      type: "image",
      action: "prune",
      actorId: "",
      attributes: { reclaimed: String(freedBytes) },
    });
    return { removed, reclaimedBytes: freedBytes };
  }

  previewPrune(
    request: { readonly filters: Filters },
    users: readonly ImageUser[],
  ): readonly ImageRecord[] {
    const nowNanos = this.#options.clock.nowNanos();
    return previewPrune(this.#removeContext(users), request.filters, nowNanos);
  }

  async collect(): Promise<{ readonly freedBytes: number }> {
    const { freedBytes } = await this.#layers.sweep();
    return { freedBytes };
  }

  sizes(): ImageSizes {
    return measureImages(this.#records.all(), (chainId) => this.#layers.layerSizeBytes(chainId));
  }

  contentBytes(image: ImageRecord): number {
    return contentBytesOf(this.#options.content, image);
  }

  async released(imageId: Digest): Promise<void> {
    if (!this.#records.get(imageId)) await this.#layers.sweep();
  }

  lease(): Lease {
    return this.#leases.open();
  }

  isBlobNamed(digest: Digest): boolean {
    return this.#layers.isBlobNamed(digest);
  }

  audit(): readonly Fault[] {
    const { content, snapshots } = this.#options;
    return auditImages({
      images: this.#records.all(),
      unnamedLayers: this.#layers.unnamed(),
      strayBlobs: content
        .list()
        .map(({ digest }) => digest)
        .filter((digest) => !this.isBlobNamed(digest) && !content.isLeased(digest)),
      hasBlob: (digest) => content.info(digest) !== undefined,
      hasLayer: (chainId) => snapshots.stat(chainId) !== undefined,
      sweep: async () => void (await this.#layers.sweep()),
    });
  }

  topChainId(image: ImageRecord): ChainId | undefined {
    return topChainIdOf(image);
  }

  hold(imageId: Digest): Disposable {
    const image = this.resolve(imageId);
    this.#holds.set(imageId, (this.#holds.get(imageId) ?? 0) + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#holds.get(image.id) ?? 1) - 1;
        if (left > 0) this.#holds.set(image.id, left);
        else this.#holds.delete(image.id);
      },
    };
  }

  #addOptions(): Parameters<typeof loadArchive>[0] & Parameters<typeof importTar>[0] {
    const { clock, content, platform, processes } = this.#options;
    return {
      content,
      platform,
      layers: this.#layers,
      leases: this.#leases,
      programs: processes,
      records: this.#records,
      nowMs: () => clock.nowMs(),
      nowNanos: () => clock.nowNanos(),
    };
  }

  #fetchOptions(): FetchImageOptions & Parameters<typeof loadArchive>[0] {
    return {
      ...this.#addOptions(),
      downloads: this.#downloads,
      hasLayer: (chainId) => this.#layers.has(chainId),
    };
  }

  #removeContext(users: readonly ImageUser[]): Parameters<typeof removeImage>[0] {
    return {
      records: this.#records,
      users,
      isHeld: (id) => this.#holds.has(id) || this.#leases.isImageHeld(id),
    };
  }

  /** Frees what the removed images held, and names the layers that went, as Docker does. */
  async #finish(
    removals: readonly Removal[],
  ): Promise<{ readonly removed: readonly RemovedImage[]; readonly freedBytes: number }> {
    for (const { events } of removals) {
      for (const { action, image } of events) {
        // as Docker's: of an image that is gone there are no labels
        if (action === "delete") this.#publishAttributes(action, image.id, { name: image.id });
        else this.#publish(action, image, image.id);
      }
    }
    const removed = removals.flatMap((removal) => removal.removed);
    const isGone = removed.some((item) => item.deleted !== undefined);
    if (!isGone) return { removed, freedBytes: 0 };
    const swept = await this.#layers.sweep();
    const layers = swept.removed.map((deleted) => ({ deleted }));
    return { removed: [...removed, ...layers], freedBytes: swept.freedBytes };
  }

  async #sweepOnFailure<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#layers.sweep();
      throw error;
    }
  }

  /** Docker names these by the reference, in place of the image's id. */
  #publishTransfer(action: "pull" | "push", image: ImageRecord, reference: ImageReference): void {
    this.#options.events.publish({
      type: "image",
      action,
      actorId: familiarReference(reference),
      attributes: { ...image.config.config.labels, name: familiarName(reference) },
    });
  }

  #publish(action: string, image: ImageRecord, name: string): void {
    this.#publishAttributes(action, image.id, { ...image.config.config.labels, name });
  }

  #publishAttributes(
    action: string,
    actorId: string,
    attributes: Readonly<Record<string, string>>,
  ): void {
    this.#options.events.publish({ type: "image", action, actorId, attributes });
  }
}
