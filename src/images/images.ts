import type { Fault } from "#base/fault.ts";
import type { BlobInfo } from "#content/content.ts";
import type { ChainId, Digest, DiffId } from "#spec/digest.ts";
import type { Descriptor, ImageConfig, ImageExecutionConfig } from "#spec/oci-image.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { ImageReference } from "#spec/reference.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import type { Platform } from "#spec/platform.ts";
import type { Lease } from "./leases.ts";
import type { ImageSizes } from "./sizes.ts";

/** An image's id is the digest of its configuration. */
export interface ImageRecord {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Layers from the bottom up. */
  readonly diffIds: readonly DiffId[];
  /** Compressed or plain blobs in the content store, same order as `diffIds`; needed by save and push. */
  readonly layers: readonly Descriptor[];
  /** The manifest as it came (or as we made it), byte for byte in the content store. */
  readonly manifest: Descriptor;
  /** The index it came with, where there was one. */
  readonly index?: Descriptor;
  /** Indexes between that and the manifest, outermost first, where one names another. */
  readonly innerIndexes?: readonly Descriptor[];
  /** Manifests of the index that are about this image, such as attestations. */
  readonly attached?: readonly AttachedManifest[];
  /** Familiar references: `busybox:latest`. */
  readonly tags: readonly string[];
  /** `repository@sha256:…`, known after a pull or push. */
  readonly repoDigests: readonly string[];
  /** Sum of the layers' unpacked sizes, in bytes. */
  readonly sizeBytes: number;
  /** Image it was made from by commit or a classic build step. */
  readonly parentId?: Digest;
  readonly lastTaggedMs?: number;
  readonly createdLocallyMs: number;
}

/** A manifest that is no image, with its configuration and layers; all in the content store. */
export interface AttachedManifest {
  readonly manifest: Descriptor;
  readonly blobs: readonly Descriptor[];
}

/** One manifest of an image, as `manifests=1` asks for; unavailable where parts are not here. */
export interface ManifestSummary {
  readonly descriptor: Descriptor;
  readonly kind: "image" | "attestation" | "unknown";
  readonly isAvailable: boolean;
  /** Of what is here of it, packed. */
  readonly contentBytes: number;
  /** The record, of an image that is here. */
  readonly image?: ImageRecord;
  /** What an attestation is about. */
  readonly subject?: Digest;
}

/** What somebody states about an image, by in-toto. */
export interface Attestation {
  readonly descriptor: Descriptor;
  readonly predicateType: string;
}

export interface ImageHistoryEntry {
  readonly id: Digest | "<missing>";
  readonly createdSeconds: number;
  readonly createdBy: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly comment: string;
}

export interface RemovedImage {
  readonly untagged?: string;
  readonly deleted?: string;
}

/** One line of a load's progress, in the words of Docker's JSON stream. */
export interface ImageProgress {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  /** Empty where a part's step has no counts. */
  readonly progress?: { readonly currentBytes?: number; readonly totalBytes?: number };
  /** Machine-readable result. */
  readonly aux?: Readonly<Record<string, unknown>>;
}

export interface ImportRequest {
  readonly source: AsyncIterable<Uint8Array>;
  /** `repository[:tag]` to tag it with. */
  readonly reference?: string;
  readonly message?: string;
  /** Dockerfile instructions: `CMD ["nginx"]`, `ENV a=b`. */
  readonly changes: readonly string[];
  /** `os[/arch[/variant]]`; the host's when absent. */
  readonly platform?: string;
}

export interface LoadRequest {
  /** The archive's bytes. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Only images for these are loaded; where absent or empty, all that the archive has whole. */
  readonly platforms?: readonly Platform[];
}

export interface PullRequest {
  /** With a tag or a digest; with neither, all tags are pulled. */
  readonly reference: ImageReference;
  /** The host's when absent. */
  readonly platform?: Platform;
  readonly credentials: RegistryCredentials;
}

export interface PushRequest {
  /** With a tag; without one all tags of the repository are pushed. */
  readonly reference: ImageReference;
  /** Only the variant for it, without the index; where absent the index, if all that it names is here. */
  readonly platform?: Platform;
  /** This image, whichever has the tag, its layers packed as they are. */
  readonly image?: {
    readonly id: Digest;
    /** Without the tag. */
    readonly isByDigest: boolean;
  };
  readonly credentials: RegistryCredentials;
}

/** A document with the media type that names its kind. */
export interface OfferedDocument {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Who has an image's blobs: a repository, or another engine. */
export type BlobsSource = Pick<Repository, "readBlob" | "openBlob">;

/** An image that another engine hands over. */
export interface ReceiveRequest {
  readonly manifest: OfferedDocument;
  /** The index that it came with. */
  readonly index?: OfferedDocument;
  /** What it is to be called here. */
  readonly tags: readonly string[];
  /** Asked for each blob that is missing here. */
  readonly source: BlobsSource;
}

/** An image as another engine receives it. */
export interface HandedImage extends Omit<ReceiveRequest, "tags" | "source"> {
  readonly id: Digest;
}

/** A blob that can be read from any byte on. */
export interface ReadableBlob {
  readonly sizeBytes: number;
  /** Holds the blob until it is read or given up. */
  read(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A container's changes as a layer on its image. */
export interface CommitRequest {
  readonly parent: ImageRecord;
  /** A plain tar, deletions as `.wh.` files; one without members makes no layer. */
  readonly layer: AsyncIterable<Uint8Array>;
  readonly config: ImageExecutionConfig;
  readonly author: string;
  readonly comment: string;
  readonly createdBy: string;
  /** What it is to be called. */
  readonly tag?: string;
}

/** An image whose layers were made here. */
export interface AddRequest {
  /** The configuration's JSON: its digest is the image's id. */
  readonly configBytes: Uint8Array;
  /** Lowest first; the blob is that of the layer's tar. */
  readonly layers: readonly { readonly blob: BlobInfo; readonly diffId: DiffId }[];
  readonly lease: Lease;
  /** Kept as they are, in the place of those that the image had; a manifest is made where they are absent. */
  readonly documents?: MadeDocuments;
}

/** A document that was made here. */
export interface MadeDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What an image that was made here is described by. */
export interface MadeDocuments {
  readonly manifest: MadeDocument;
  /** As the manifest has them; in the content store. */
  readonly layers: readonly Descriptor[];
  readonly index?: MadeDocument;
  /** A manifest of the index that is about the image, and what that names. */
  readonly attached?: { readonly manifest: MadeDocument; readonly blobs: readonly MadeDocument[] };
}

/** What holds an image, so that removing it is refused by name. */
export interface ImageUser {
  readonly containerId: string;
  readonly imageId: Digest;
  readonly isRunning: boolean;
}

export interface Images {
  /**
   * By id, id prefix, tag or digest reference.
   *
   * @param platform Of an image that is here for several, the variant for it, with the names of the image.
   * @throws {NotFoundError} "No such image: …", or none for the platform. {ConflictError} Ambiguous prefix.
   */
  resolve(reference: string, platform?: Platform): ImageRecord;
  /** The image, and what else is here by its index, for other platforms. @see variantsOf */
  variants(image: ImageRecord): readonly ImageRecord[];
  /** What the image's index names, here or not; its one manifest where it has no index. */
  manifests(image: ImageRecord): Promise<readonly ManifestSummary[]>;
  /** In-toto statements that came with the image. */
  attestations(image: ImageRecord): Promise<readonly Attestation[]>;
  /** The text of one of them. @throws {InvalidArgumentError} It is larger than a statement may be. */
  readAttestation(attestation: Attestation): Promise<string>;
  list(request: { readonly all: boolean; readonly filters: Filters }): readonly ImageRecord[];
  history(reference: string, platform?: Platform): readonly ImageHistoryEntry[];
  /**
   * Reads a docker-archive or OCI layout tar, plain or packed by gzip, zstd, bzip2 or xz. An image is visible only when all of
   * it is unpacked and verified; a failing one leaves nothing.
   *
   * @throws {InvalidArgumentError} Damaged, or two of the platforms are there for one name.
   *   {NotFoundError} Nothing in it is for the platforms.
   */
  load(
    request: LoadRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<readonly ImageRecord[]>;
  import(request: ImportRequest, signal: AbortSignal): Promise<ImageRecord>;
  /** Makes an image; visible when all of it is there. A failure leaves nothing. */
  commit(request: CommitRequest, signal: AbortSignal): Promise<ImageRecord>;
  /**
   * Makes an image of layers that are there or whose blobs are; visible when all of it is.
   *
   * @param request.lease Holds the blobs and layers meanwhile, and then the image.
   */
  add(request: AddRequest, signal: AbortSignal): Promise<ImageRecord>;
  /**
   * A docker-archive that is an OCI layout as well, as `docker save` writes it.
   *
   * @param request.platforms Variants of each image to save; all that are here when empty.
   * @throws {NotFoundError} An image, or a variant of it, is not here.
   */
  save(
    request: { readonly references: readonly string[]; readonly platforms: readonly Platform[] },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /**
   * Unpacks a layer whose blob is in the content store on one that is there.
   *
   * @returns What its files take, in bytes.
   */
  provideLayer(
    request: {
      readonly parent: ChainId | undefined;
      readonly diffId: DiffId;
      readonly blob: BlobInfo;
      readonly lease: Lease;
    },
    signal: AbortSignal,
  ): Promise<number>;
  tag(reference: string, target: string): void;
  /**
   * Calls an image by a digest: its manifest's, or its index's.
   *
   * @param repository Its tag is passed over.
   * @returns The name, whole.
   */
  nameByDigest(id: Digest, repository: string, digest: Digest): string;
  /**
   * Brings an image from its registry: layers are unpacked while they come, and the image is visible when all of
   * it is there and verified. An abort or failure leaves only parts of blobs, which the next pull goes on with.
   */
  pull(
    request: PullRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Takes an image over from another engine: as `pull`, but from who offers it.
   *
   * @throws {InvalidArgumentError} A part is not what manifest and configuration say.
   */
  receive(
    request: ReceiveRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord>;
  /** The documents to hand an image over by; those that it came with, where its blobs are theirs. */
  handOver(reference: string): Promise<HandedImage>;
  /** A blob of an image's. @throws {NotFoundError} It is none, or not here. */
  openBlob(reference: string, digest: Digest): ReadableBlob;
  /** Sends an image to its registry: what that lacks, and the manifest at last. */
  push(
    request: PushRequest,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
  remove(
    reference: string,
    options: {
      readonly force: boolean;
      readonly pruneParents: boolean;
      /** Only these variants; the image where empty. */
      readonly platforms?: readonly Platform[];
    },
    users: readonly ImageUser[],
  ): Promise<readonly RemovedImage[]>;
  prune(
    request: { readonly filters: Filters },
    users: readonly ImageUser[],
  ): Promise<{ readonly removed: readonly RemovedImage[]; readonly reclaimedBytes: number }>;
  /** Frees layers and blobs that nothing names any more. */
  collect(): Promise<{ readonly freedBytes: number }>;
  /** Images that `prune` would remove now, were `users` all there are. */
  previewPrune(
    request: { readonly filters: Filters },
    users: readonly ImageUser[],
  ): readonly ImageRecord[];
  /**
   * To be called when a container of the image is gone: frees what the container kept, where the image was
   * removed by force before it.
   */
  released(imageId: Digest): Promise<void>;
  /** What all layers take, and what each image shares with others. */
  sizes(): ImageSizes;
  /** What an image's manifest, configuration and packed layers take, in bytes. */
  contentBytes(image: ImageRecord): number;
  /** Holds blobs and layers that no record names yet. @see Lease */
  lease(): Lease;
  /** Blobs and layers that nobody names, or that images name and are not there. Changes nothing. */
  audit(): readonly Fault[];
  /** Whether a record names the blob: as configuration, manifest, index or layer of an image, or else. */
  isBlobNamed(digest: Digest): boolean;
  /** Chain id of the topmost layer, the parent of a container's snapshot; undefined for an image without layers. */
  topChainId(image: ImageRecord): ChainId | undefined;
  /** Keeps the image from being removed while a container is made from it. */
  hold(imageId: Digest): Disposable;
}
