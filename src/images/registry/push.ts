import type { KeyedMutex, Semaphore } from "#base/async.ts";
import { FailedPreconditionError, invariant, InvalidArgumentError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import type { ImageProgress, ImageRecord, PushRequest } from "#images/images.ts";
import type { Lease, Leases } from "#images/leases.ts";
import type { ImageRecords } from "#images/records.ts";
import { flattenEntries, type IndexEntry, readIndexEntries } from "#images/index-contents.ts";
import { chooseVariant, variantsOf } from "#images/variants.ts";
import { NoCredentialsError } from "#registry-client/errors.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { BlobSource } from "#registry-client/upload-session.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import {
  type Descriptor,
  descriptorToWire,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseManifest,
} from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";
import {
  familiarName,
  familiarReference,
  type ImageReference,
  parseImageReference,
  repositoryName,
} from "#spec/reference.ts";
import { isRefusedType, toDockerManifest } from "./docker-manifest.ts";
import { isToBePacked, packLayers } from "./pack-layers.ts";

export interface PushOptions {
  readonly registries: Pick<RegistryClient, "repository">;
  readonly content: ContentStore;
  readonly records: ImageRecords;
  readonly leases: Leases;
  /** How many blobs go out at once, over all pushes. */
  readonly uploads: Semaphore;
  /** An image is packed once, however many push it. */
  readonly packing: KeyedMutex<Digest>;
}

type OnProgress = (progress: ImageProgress) => void;

const STEP_MS = 100;

/**
 * Pushes an image, or all tags of a repository: blobs that the registry lacks, then the manifest.
 *
 * @param onPushed Told of each image with the reference that it was pushed by.
 * @see Images.push
 */
export async function pushImages(
  options: PushOptions,
  request: PushRequest,
  onProgress: OnProgress,
  onPushed: (image: ImageRecord, reference: ImageReference) => void,
  signal: AbortSignal,
): Promise<void> {
  const { reference, credentials } = request;
  if (reference.digest !== undefined) {
    throw new InvalidArgumentError("cannot push a digest reference");
  }
  onProgress({ status: `The push refers to repository [${repositoryName(reference)}]` });
  const named = request.image
    ? [{ reference, image: options.records.resolve(request.image.id) }]
    : imagesToPush(options.records, reference);
  if (named.length === 0) {
    throw new FailedPreconditionError(
      `An image does not exist locally with the tag: ${familiarName(reference)}`,
    );
  }
  // from here on a removal leaves what is to be sent
  using lease = options.leases.open();
  for (const { image } of named) {
    for (const variant of variantsOf(options.records, image)) holdBlobs(variant, lease);
  }
  const { domain, path } = reference;
  const repository = await options.registries.repository({ domain, path }, credentials, "push");
  for (const { reference: one, image } of named) {
    const push = new Push(options, repository, { ...request, reference: one }, onProgress, signal);
    onPushed(await push.run(image, lease).catch(rethrowPlainly), one);
  }
}

/** As docker: of a push without credentials the request is not named. */
function rethrowPlainly(error: unknown): never {
  if (!(error instanceof NoCredentialsError)) throw error;
  throw new FailedPreconditionError(NoCredentialsError.reason, { cause: error });
}

interface NamedImage {
  readonly reference: ImageReference;
  readonly image: ImageRecord;
}

function imagesToPush(records: ImageRecords, reference: ImageReference): readonly NamedImage[] {
  if (reference.tag !== undefined) {
    const image = records.tryResolveTag(reference);
    return image ? [{ reference, image }] : [];
  }
  const name = familiarName(reference);
  return records
    .all()
    .flatMap((image) =>
      image.tags.map((tag): NamedImage => ({ reference: parseImageReference(tag), image })),
    )
    .filter((one) => familiarName(one.reference) === name)
    .toSorted((left, right) => ((left.reference.tag ?? "") < (right.reference.tag ?? "") ? -1 : 1));
}

/** One image on its way out. */
class Push {
  readonly #options: PushOptions;
  readonly #repository: Repository;
  readonly #reference: ImageReference;
  readonly #platform: Platform | undefined;
  readonly #image: PushRequest["image"];
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;

  constructor(
    options: PushOptions,
    repository: Repository,
    request: Pick<PushRequest, "reference" | "platform" | "image">,
    onProgress: OnProgress,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#repository = repository;
    this.#reference = request.reference;
    this.#platform = request.platform;
    this.#image = request.image;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  /** @param lease Holds the blobs of the image and its variants. */
  async run(primary: ImageRecord, lease: Lease): Promise<ImageRecord> {
    const { records } = this.#options;
    const name = familiarReference(this.#reference);
    const entries = await this.#indexEntries(primary);
    if (entries && this.#isWhole(entries, lease)) {
      return await this.#pushIndex(primary, entries);
    }
    const platform = this.#platform;
    const named = platform ? chooseVariant(records, primary, name, platform) : primary;
    if (entries) this.#sayNotWhole(named);
    for (const diffId of named.diffIds.toReversed()) this.#say(shortId(diffId), "Preparing");
    const image = this.#image ? named : await this.#packed(named, lease);
    holdBlobs(image, lease);
    const bytes = await this.#options.content.readBytes(image.manifest.digest, MANIFEST_MAX_BYTES);
    const manifest = parseManifest(bytes, image.manifest.mediaType);
    const idOf = ({ digest }: Descriptor, at: number): string =>
      shortId(image.diffIds[at] ?? digest);
    await this.#sendLayers(manifest.layers, idOf);
    await this.#sendQuietly(manifest.config);
    await this.#finishAsTaken(image, manifest, bytes);
    return image;
  }

  /** What the whole of the image would be; undefined where one variant is asked for, or all there is. */
  async #indexEntries(image: ImageRecord): Promise<readonly IndexEntry[] | undefined> {
    if (this.#platform || !image.index) return undefined;
    if (!this.#options.content.info(image.index.digest)) return undefined;
    return await readIndexEntries(this.#options.content, image.index);
  }

  /** Whether all of an index is here; it is held from now on. */
  #isWhole(entries: readonly IndexEntry[], lease: Lease): boolean {
    const { content } = this.#options;
    const all = flattenEntries(entries);
    const isTold = all.every(({ missing }) => missing.length === 0);
    const digests = all.flatMap(({ descriptor, blobs }) => [
      descriptor.digest,
      ...blobs.filter((one) => !one.urls).map((one) => one.digest),
    ]);
    for (const digest of digests) lease.add(digest);
    // what was read takes its time: another image that had a part of it may be gone
    return isTold && digests.every((digest) => content.info(digest) !== undefined);
  }

  /** The index goes last: a registry has it only with all that it names. */
  async #pushIndex(image: ImageRecord, entries: readonly IndexEntry[]): Promise<ImageRecord> {
    const { content } = this.#options;
    const { index } = image;
    invariant(index, "An image with entries has an index");
    const layers = new Map<Digest, Descriptor>();
    const all = flattenEntries(entries);
    for (const { manifest } of all) {
      for (const layer of manifest?.layers ?? []) if (!layer.urls) layers.set(layer.digest, layer);
    }
    for (const digest of layers.keys()) this.#say(shortId(digest), "Preparing");
    const idOf = (layer: Descriptor): string => shortId(layer.digest);
    await this.#sendLayers([...layers.values()], idOf);
    for (const { descriptor, manifest } of all) {
      if (manifest) await this.#sendQuietly(manifest.config);
      const bytes = await content.readBytes(descriptor.digest, MANIFEST_MAX_BYTES);
      const { mediaType } = descriptor;
      await this.#repository.putManifest(descriptor.digest, { mediaType, bytes }, this.#signal);
    }
    const bytes = await content.readBytes(index.digest, MANIFEST_MAX_BYTES);
    await this.#finish(image, { mediaType: index.mediaType, bytes });
    return image;
  }

  /** A registry from before OCI gets the image in the words that it knows. */
  async #finishAsTaken(image: ImageRecord, manifest: Manifest, bytes: Uint8Array): Promise<void> {
    try {
      await this.#finish(image, { mediaType: image.manifest.mediaType, bytes });
    } catch (error) {
      const known = isRefusedType(error) ? toDockerManifest(manifest) : undefined;
      if (!known) throw error;
      this.#onProgress({ status: "The registry takes no OCI manifest: it gets Docker's schema 2" });
      await this.#finish(image, known).catch(() => {
        throw error;
      });
    }
  }

  /** Docker's note for its client, which tells the user that this is not the image of before. */
  #sayNotWhole({ index, manifest }: ImageRecord): void {
    if (!index) return;
    const aux = {
      manifestPushedInsteadOfIndex: true,
      originalIndex: descriptorToWire(index),
      selectedManifest: descriptorToWire(manifest),
    };
    this.#onProgress({ progress: {}, aux });
  }

  async #sendQuietly(descriptor: Descriptor): Promise<void> {
    await this.#sendBlob(descriptor, { onSent: () => undefined, onOutcome: () => undefined });
  }

  async #packed(image: ImageRecord, lease: Lease): Promise<ImageRecord> {
    const { packing, records } = this.#options;
    if (!isToBePacked(image)) return image;
    using _lock = await packing.acquire(image.id, this.#signal);
    const now = records.get(image.id) ?? image;
    return isToBePacked(now) ? await packLayers(this.#options, now, lease, this.#signal) : now;
  }

  /** @param idOf What the layer is called in the progress; two of one blob may have names of their own. */
  async #sendLayers(
    layers: readonly Descriptor[],
    idOf: (layer: Descriptor, at: number) => string,
  ): Promise<void> {
    const failure = new AbortController();
    const unique = new Map<Digest, { readonly layer: Descriptor; readonly ids: string[] }>();
    for (const [index, layer] of layers.entries()) {
      const id = idOf(layer, index);
      const known = unique.get(layer.digest);
      if (known) known.ids.push(id);
      else unique.set(layer.digest, { layer, ids: [id] });
    }
    const results = await Promise.allSettled(
      [...unique.values()].toReversed().map(async ({ layer, ids }) => {
        try {
          await this.#sendLayer(layer, [...new Set(ids)], failure.signal);
        } catch (error) {
          failure.abort(error);
          throw error;
        }
      }),
    );
    this.#signal.throwIfAborted();
    if (failure.signal.aborted) throw failure.signal.reason;
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  async #sendLayer(layer: Descriptor, ids: readonly string[], failure: AbortSignal): Promise<void> {
    let lastMs = 0;
    const onSent = (currentBytes: number): void => {
      const nowMs = performance.now();
      if (nowMs - lastMs < STEP_MS && currentBytes < layer.sizeBytes) return;
      lastMs = nowMs;
      const progress = { currentBytes, totalBytes: layer.sizeBytes };
      for (const id of ids) this.#onProgress({ id, status: "Pushing", progress });
    };
    const onOutcome = (status: string): void => {
      for (const id of ids) this.#say(id, status);
    };
    await this.#sendBlob(layer, { onSent, onOutcome }, failure);
  }

  async #sendBlob(
    descriptor: Descriptor,
    watcher: {
      readonly onSent: (sentBytes: number) => void;
      readonly onOutcome: (status: string) => void;
    },
    failure?: AbortSignal,
  ): Promise<void> {
    const signal = failure ? AbortSignal.any([this.#signal, failure]) : this.#signal;
    using _slot = await this.#options.uploads.acquire(signal);
    const repository = this.#repository;
    const known = await repository.blobSize(descriptor.digest, signal);
    if (known !== undefined) {
      watcher.onOutcome("Layer already exists");
      return;
    }
    const blob = this.#source(descriptor);
    const from = this.#mountCandidates(descriptor.digest);
    const outcome = await repository.upload(blob, from, watcher.onSent, signal);
    watcher.onOutcome(outcome.kind === "mounted" ? `Mounted from ${outcome.from}` : "Pushed");
  }

  #source(descriptor: Descriptor): BlobSource {
    const { content } = this.#options;
    const { digest } = descriptor;
    const info = content.info(digest);
    if (!info) {
      throw new FailedPreconditionError(
        `Cannot push ${familiarReference(this.#reference)}: the registry lacks blob ${digest}, and ` +
          "it is not here in that packing; pull the image again, or push it under another name",
      );
    }
    return { ...info, read: (offset, end) => content.read(digest, { offset, end }) };
  }

  /** Repositories of the same registry that an image with this blob came from or went to. */
  #mountCandidates(digest: Digest): readonly string[] {
    const { domain, path } = this.#repository;
    const names = this.#options.records
      .namersOf(digest)
      .flatMap((image) => image.repoDigests.map((text) => parseImageReference(text)))
      .filter((reference) => reference.domain === domain && reference.path !== path)
      .map((reference) => reference.path);
    return [...new Set(names)];
  }

  async #finish(
    image: ImageRecord,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  ): Promise<void> {
    const isByDigest = this.#image?.isByDigest ?? false;
    const tag = isByDigest ? digestOf(manifest.bytes) : (this.#reference.tag ?? "latest");
    const digest = await this.#repository.putManifest(tag, manifest, this.#signal);
    const { records } = this.#options;
    if (records.get(image.id)) {
      records.assignDigest(image.id, `${familiarName(this.#reference)}@${digest}`);
    }
    const size = manifest.bytes.byteLength;
    this.#onProgress({ status: `${tag}: digest: ${digest} size: ${size}` });
    this.#onProgress({ progress: {}, aux: { Tag: tag, Digest: digest, Size: size } });
  }

  #say(id: string, status: string): void {
    this.#onProgress({ id, status, progress: {} });
  }
}

function holdBlobs(image: ImageRecord, lease: Lease): void {
  for (const digest of [image.id, image.manifest.digest]) lease.add(digest);
  for (const { digest } of [...(image.index ? [image.index] : []), ...(image.innerIndexes ?? [])]) {
    lease.add(digest);
  }
  for (const { manifest, blobs } of image.attached ?? []) {
    for (const { digest } of [manifest, ...blobs]) lease.add(digest);
  }
  for (const { digest } of image.layers) lease.add(digest);
}
