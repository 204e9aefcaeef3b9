import { InvalidArgumentError } from "#base/errors.ts";
import type { BlobInfo } from "#content/content.ts";
import { archivePacking } from "#base/packing.ts";
import { shortId } from "#spec/ids.ts";
import { type Descriptor, IMAGE_CONFIG_MAX_BYTES, MANIFEST_MAX_BYTES } from "#spec/oci-image.ts";
import { DEFAULT_UNPACK_LIMITS } from "./unpack/protocol.ts";
import type { Platform } from "#spec/platform.ts";
import { parseImageReference } from "#spec/reference.ts";
import { type AddImageOptions, addImage, readRunnableConfig } from "./add-image.ts";
import type { ArchivedImage } from "./archive/archived-image.ts";
import { decompressed, isLayerPacking, type Programs } from "./archive/decompress.ts";
import { readDockerArchive } from "./archive/docker-archive.ts";
import { readLegacyArchive } from "./archive/legacy-archive.ts";
import { chooseImages, type PlatformChoice } from "./archive/choose-platform.ts";
import { blobPath } from "./archive/blob-path.ts";
import { hasIndexes, readOciLayout } from "./archive/oci-layout.ts";
import { ArchiveSpool } from "./archive/spool.ts";
import type { AttachedManifest, ImageProgress, ImageRecord, LoadRequest } from "./images.ts";
import type { WantedLayer } from "./layers.ts";
import type { Lease, Leases } from "./leases.ts";
import { parseTagTarget } from "./records.ts";

/** Of a plain layer: files up to the limit, and as much again of headers. */
const LAYER_MAX_BYTES = DEFAULT_UNPACK_LIMITS.maxUnpackedBytes * 2;

export interface LoadOptions extends AddImageOptions {
  readonly leases: Leases;
  readonly programs: Programs;
  readonly platform: Platform;
}

/** Loads the images of an archive one after another. @see Images.load */
export async function loadArchive(
  options: LoadOptions,
  request: LoadRequest,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<readonly ImageRecord[]> {
  using lease = options.leases.open();
  const { content, layers } = options;
  const wanted = request.platforms ?? [];
  await using spool = new ArchiveSpool({
    content,
    lease,
    // where only some platforms are wanted, the layers of all others would be unpacked for nothing
    ...(wanted.length === 0
      ? { unpackAhead: (blob, arriving) => layers.unpackAhead(blob, arriving) }
      : {}),
  });
  await spool.fill(decompressed(request.source, options.programs), signal);
  const images = await listImages(spool, { host: options.platform, wanted }, signal);
  for (const image of images) checkNames(image);
  const loaded: ImageRecord[] = [];
  const untagged: string[] = [];
  let hasTags = false;
  for (const image of images) {
    const { id } = await loadImage(options, spool, image, lease, onProgress, signal);
    for (const name of image.names) {
      const tag = parseTagTarget(name);
      const previous = options.records.assignTag(id, tag, options.nowMs());
      if (previous) {
        onProgress({
          stream:
            `The image ${tag} already exists, renaming the old one with ID ${previous.id} ` +
            "to empty string\n",
        });
      }
      hasTags = true;
      onProgress({ stream: `Loaded image: ${tag}\n` });
    }
    if (image.names.length === 0 && !isPart(image, images))
      untagged.push(`Loaded image ID: ${id}\n`);
    loaded.push(options.records.resolve(id));
  }
  linkParents(options, images, loaded);
  if (!hasTags) onProgress({ stream: untagged.join("") });
  return loaded;
}

async function listImages(
  spool: ArchiveSpool,
  choice: PlatformChoice,
  signal: AbortSignal,
): Promise<readonly ArchivedImage[]> {
  // an archive that is both names in manifest.json one platform of each image alone
  const isLayout = spool.has("index.json");
  const isForAll = choice.wanted.length > 0 || !spool.has("manifest.json");
  if (isLayout && (isForAll || (await hasIndexes(spool)))) {
    return await readOciLayout(spool, choice);
  }
  if (spool.has("manifest.json")) {
    return await chooseImages(spool, await readDockerArchive(spool), choice);
  }
  if (spool.has("repositories")) {
    return await chooseImages(spool, await readLegacyArchive(spool, signal), choice);
  }
  throw new InvalidArgumentError(
    "Cannot load image: the archive has neither manifest.json nor index.json; " +
      "a root file system is taken by import",
  );
}

function checkNames(image: ArchivedImage): void {
  for (const name of image.names) {
    const reference = parseImageReference(name);
    if (reference.tag === undefined) {
      throw new InvalidArgumentError(`invalid tag ${JSON.stringify(name.slice(0, 200))}`);
    }
  }
}

/** Whether another image of the archive has the name of this one's index. */
function isPart({ index }: ArchivedImage, images: readonly ArchivedImage[]): boolean {
  if (!index) return false;
  const { digest } = index.descriptor;
  return images.some(
    (other) => other.names.length > 0 && other.index?.descriptor.digest === digest,
  );
}

async function loadImage(
  options: LoadOptions,
  spool: ArchiveSpool,
  image: ArchivedImage,
  lease: Lease,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const configBytes = await spool.bytes(image.configPath, IMAGE_CONFIG_MAX_BYTES);
  if (!configBytes) throw missing("config", image.configPath);
  const { diffIds } = readRunnableConfig(configBytes);
  if (diffIds.length !== image.layerPaths.length) {
    throw new InvalidArgumentError(
      `invalid manifest, layers length mismatch: expected ${image.layerPaths.length}, ` +
        `got ${diffIds.length}`,
    );
  }
  const layers: WantedLayer[] = [];
  for (const [index, diffId] of diffIds.entries()) {
    const path = image.layerPaths[index] ?? "";
    const blob = await spool.blob(path, signal);
    if (!blob) throw missing("layer", path);
    const isFit = isLayerPacking(archivePacking(await spool.head(path)));
    const ahead = isFit ? spool.ahead(path) : undefined;
    layers.push({
      blob: isFit ? blob : await repacked(options, blob, lease, signal),
      diffId,
      ...(ahead ? { ahead } : {}),
    });
  }
  const manifest = await readDocument(spool, image.manifest);
  const index = await readDocument(spool, image.index);
  const innerIndexes = await Promise.all(
    (image.innerIndexes ?? []).map((one) => readDocument(spool, one)),
  );
  const parts = {
    configBytes,
    layers,
    ...(manifest ? { manifest } : {}),
    ...(index ? { index } : {}),
    innerIndexes: innerIndexes.flatMap((one) => one ?? []),
    ...(image.attached ? { attached: keepAttached(spool, image.attached, signal) } : {}),
  };
  return await addImage(
    options,
    parts,
    lease,
    ({ diffId, currentBytes, totalBytes }) =>
      onProgress({
        id: shortId(diffId),
        status: "Loading layer",
        progress: { currentBytes, totalBytes },
      }),
    signal,
  );
}

/** Brings the documents and texts about an image into the content store, where the spool holds them. */
async function keepAttached(
  spool: ArchiveSpool,
  attached: readonly AttachedManifest[],
  signal: AbortSignal,
): Promise<readonly AttachedManifest[]> {
  for (const { manifest, blobs } of attached) {
    for (const { digest } of [manifest, ...blobs]) {
      const blob = await spool.blob(blobPath(digest), signal);
      if (blob?.digest === digest) continue;
      throw new InvalidArgumentError(
        `Cannot load image: blob ${digest} has digest ${blob?.digest ?? "none"}`,
      );
    }
  }
  return attached;
}

/** A layer that is packed in a way that manifests have no word for is kept plain. */
async function repacked(
  options: LoadOptions,
  blob: BlobInfo,
  lease: Lease,
  signal: AbortSignal,
): Promise<BlobInfo> {
  const { content, programs } = options;
  const plain = decompressed(content.read(blob.digest), programs);
  return await content.ingest(plain, { lease, maxSizeBytes: LAYER_MAX_BYTES }, signal);
}

async function readDocument(
  spool: ArchiveSpool,
  document: ArchivedImage["manifest"],
): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array } | undefined> {
  const bytes = document && (await spool.bytes(document.path, MANIFEST_MAX_BYTES));
  return document && bytes ? { descriptor: document.descriptor, bytes } : undefined;
}

/** Archives of the classic builder name an image's parent; one that came along becomes it. */
function linkParents(
  options: LoadOptions,
  images: readonly ArchivedImage[],
  loaded: readonly ImageRecord[],
): void {
  const byId = new Map(loaded.map((image) => [image.id as string, image]));
  for (const [index, { parentId }] of images.entries()) {
    const id = loaded[index]?.id;
    const parent = parentId === undefined ? undefined : byId.get(parentId);
    const child = id && options.records.get(id);
    if (!child || !parent || parent.id === child.id || !isBuiltOn(child, parent)) continue;
    options.records.put({ ...child, parentId: parent.id });
  }
}

/** Rules out the cycles and strangers that an archive could claim. */
function isBuiltOn(child: ImageRecord, parent: ImageRecord): boolean {
  return (
    parent.config.history.length < child.config.history.length &&
    parent.diffIds.every((diffId, index) => diffId === child.diffIds[index])
  );
}

function missing(what: string, path: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot load image: ${what} ${JSON.stringify(path.slice(0, 200))} is not in the archive`,
  );
}
