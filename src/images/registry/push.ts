import type { KeyedMutex, Semaphore } from "#base/async.ts";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import type { ImageProgress, ImageRecord, PushRequest } from "#images/images.ts";
import type { Lease, Leases } from "#images/leases.ts";
import type { ImageRecords } from "#images/records.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { BlobSource } from "#registry-client/upload.ts";
import type { Digest } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import { type Descriptor, MANIFEST_MAX_BYTES, parseManifest } from "#spec/oci-image.ts";
import {
  familiarName,
  familiarReference,
  type ImageReference,
  parseImageReference,
  repositoryName,
} from "#spec/reference.ts";
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
  const references = referencesToPush(options.records, reference);
  if (references.length === 0) {
    throw new FailedPreconditionError(
      `An image does not exist locally with the tag: ${familiarName(reference)}`,
    );
  }
  const { domain, path } = reference;
  const repository = await options.registries.repository({ domain, path }, credentials, "push");
  for (const one of references) {
    const push = new Push(options, repository, one, onProgress, signal);
    onPushed(await push.run(), one);
  }
}

function referencesToPush(
  records: ImageRecords,
  reference: ImageReference,
): readonly ImageReference[] {
  if (reference.tag !== undefined) {
    return records.tryResolveTag(reference) ? [reference] : [];
  }
  const name = familiarName(reference);
  return records
    .all()
    .flatMap((image) => image.tags.map((tag) => parseImageReference(tag)))
    .filter((one) => familiarName(one) === name)
    .toSorted((left, right) => ((left.tag ?? "") < (right.tag ?? "") ? -1 : 1));
}

/** One image on its way out. */
class Push {
  readonly #options: PushOptions;
  readonly #repository: Repository;
  readonly #reference: ImageReference;
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;

  constructor(
    options: PushOptions,
    repository: Repository,
    reference: ImageReference,
    onProgress: OnProgress,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#repository = repository;
    this.#reference = reference;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  async run(): Promise<ImageRecord> {
    const { records, leases } = this.#options;
    using lease = leases.open();
    const named = records.resolve(familiarReference(this.#reference));
    holdBlobs(named, lease);
    for (const diffId of named.diffIds.toReversed()) this.#say(shortId(diffId), "Preparing");
    const image = await this.#packed(named, lease);
    holdBlobs(image, lease);
    const bytes = await this.#options.content.readBytes(image.manifest.digest, MANIFEST_MAX_BYTES);
    const manifest = parseManifest(bytes, image.manifest.mediaType);
    await this.#sendLayers(image, manifest.layers);
    await this.#sendBlob(manifest.config, { onSent: () => undefined, onOutcome: () => undefined });
    await this.#finish(image, { mediaType: image.manifest.mediaType, bytes });
    return image;
  }

  async #packed(image: ImageRecord, lease: Lease): Promise<ImageRecord> {
    const { packing, records } = this.#options;
    if (!isToBePacked(image)) return image;
    using _lock = await packing.acquire(image.id, this.#signal);
    const now = records.get(image.id) ?? image;
    return isToBePacked(now) ? await packLayers(this.#options, now, lease, this.#signal) : now;
  }

  async #sendLayers(image: ImageRecord, layers: readonly Descriptor[]): Promise<void> {
    const failure = new AbortController();
    const unique = new Map<Digest, { readonly layer: Descriptor; readonly ids: string[] }>();
    for (const [index, layer] of layers.entries()) {
      const id = shortId(image.diffIds[index] ?? layer.digest);
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
    const tag = this.#reference.tag ?? "latest";
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
  for (const { digest } of image.layers) lease.add(digest);
}
