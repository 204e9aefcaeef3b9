import { InvalidArgumentError } from "#base/errors.ts";
import { type Digest, digestAlgorithm, digestOf } from "#spec/digest.ts";
import { isIndexType, isManifestType, OCI_INDEX } from "#spec/media-types.ts";
import {
  type Descriptor,
  type ImageIndex,
  isImageManifest,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";
import { type Platform, selectPlatform } from "#spec/platform.ts";
import type { AttachedManifest } from "#images/images.ts";
import { attestationsOf } from "#images/index-contents.ts";
import type { ArchivedImage } from "./archived-image.ts";
import { blobPath } from "./blob-path.ts";
import { chooseWanted, configPlatform, noneFor, type PlatformChoice } from "./choose-platform.ts";
import type { ArchiveSpool } from "./spool.ts";

const MAX_INDEX_DEPTH = 8;
/** Documents read of one archive, each as often as an index names it: ten small ones can name a billion. */
const MAX_DOCUMENTS = 10_000;
const MAX_DOCUMENTS_BYTES = 64 * 1024 * 1024;
const CONTAINERD_NAME = "io.containerd.image.name";
const OCI_REF_NAME = "org.opencontainers.image.ref.name";

/** Reads the documents that descriptors name, within what one archive may cost. */
class DocumentReader {
  readonly spool: ArchiveSpool;
  #documents = 0;
  #bytes = 0;

  constructor(spool: ArchiveSpool) {
    this.spool = spool;
  }

  /** @throws {InvalidArgumentError} It is not what the descriptor says, or one too many. */
  async read(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await readDocument(this.spool, descriptor);
    this.#documents += 1;
    this.#bytes += bytes.byteLength;
    if (this.#documents > MAX_DOCUMENTS || this.#bytes > MAX_DOCUMENTS_BYTES) {
      throw new InvalidArgumentError(
        `Cannot read OCI layout: its indexes name more than ${MAX_DOCUMENTS} manifests ` +
          `or ${MAX_DOCUMENTS_BYTES} bytes of them`,
      );
    }
    // those in memory come without a wait, and other requests would get no turn
    await new Promise<void>((resolve) => setImmediate(resolve));
    return bytes;
  }
}

/** Reads a document that a descriptor names, and holds it to the descriptor. */
async function readDocument(spool: ArchiveSpool, descriptor: Descriptor): Promise<Uint8Array> {
  const bytes = await spool.bytes(blobPath(descriptor.digest), MANIFEST_MAX_BYTES);
  if (!bytes) {
    throw new InvalidArgumentError(
      `Cannot read OCI layout: blob ${descriptor.digest} is not in the archive`,
    );
  }
  const actual = digestOf(bytes, digestAlgorithm(descriptor.digest));
  if (actual !== descriptor.digest) {
    throw new InvalidArgumentError(
      `Cannot read OCI layout: blob ${descriptor.digest} has digest ${actual}`,
    );
  }
  if (descriptor.sizeBytes !== bytes.byteLength) {
    throw new InvalidArgumentError(
      `Cannot read OCI layout: blob ${descriptor.digest} has ${bytes.byteLength} bytes, ` +
        `its descriptor says ${descriptor.sizeBytes}`,
    );
  }
  return bytes;
}

async function readIndex(spool: ArchiveSpool): Promise<ImageIndex> {
  const bytes = await spool.bytes("index.json", MANIFEST_MAX_BYTES);
  if (!bytes) throw new InvalidArgumentError("Cannot read OCI layout: index.json is missing");
  return parseIndex(bytes, OCI_INDEX);
}

interface FoundManifest {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  /** The image's own index, not the layout's. */
  readonly index?: Descriptor;
  /** Between that and the manifest, outermost first. */
  readonly innerIndexes?: readonly Descriptor[];
  readonly attached?: readonly AttachedManifest[];
}

/** Manifests below a descriptor that are runnable images. */
async function findManifests(
  documents: DocumentReader,
  descriptor: Descriptor,
  depth: number,
): Promise<readonly FoundManifest[]> {
  if (isManifestType(descriptor.mediaType)) {
    const bytes = await documents.read(descriptor);
    const manifest = parseManifest(bytes, descriptor.mediaType);
    return isImageManifest(manifest) ? [{ descriptor, manifest }] : [];
  }
  if (!isIndexType(descriptor.mediaType)) return [];
  if (depth >= MAX_INDEX_DEPTH) {
    throw new InvalidArgumentError(
      `Cannot read OCI layout: indexes are nested more than ${MAX_INDEX_DEPTH} deep`,
    );
  }
  const index = parseIndex(await documents.read(descriptor), descriptor.mediaType);
  const found: FoundManifest[] = [];
  for (const inner of index.manifests) {
    // an archive of one platform keeps the whole index, though the other manifests are not with it
    if (!documents.spool.has(blobPath(inner.digest))) continue;
    for (const manifest of await findManifests(documents, inner, depth + 1)) {
      const withPlatform = inner.platform && !manifest.descriptor.platform;
      found.push({
        ...manifest,
        ...(withPlatform
          ? { descriptor: { ...manifest.descriptor, platform: inner.platform } }
          : {}),
        index: descriptor,
        innerIndexes: manifest.index ? [manifest.index, ...(manifest.innerIndexes ?? [])] : [],
        attached: manifest.index
          ? (manifest.attached ?? [])
          : await findAttached(documents, index.manifests, manifest.descriptor.digest),
      });
    }
  }
  return found;
}

/** What an index has about one of its images, as far as the archive has all of it. */
async function findAttached(
  documents: DocumentReader,
  manifests: readonly Descriptor[],
  image: Digest,
): Promise<readonly AttachedManifest[]> {
  const found: AttachedManifest[] = [];
  for (const descriptor of attestationsOf(manifests, image)) {
    const isHere = documents.spool.has(blobPath(descriptor.digest));
    if (!isHere || !isManifestType(descriptor.mediaType)) continue;
    const bytes = await documents.read(descriptor);
    const { config, layers } = parseManifest(bytes, descriptor.mediaType);
    const blobs = [config, ...layers];
    if (blobs.every(({ digest }) => documents.spool.has(blobPath(digest)))) {
      found.push({ manifest: descriptor, blobs });
    }
  }
  return found;
}

function nameOf(descriptor: Descriptor): readonly string[] {
  const full = descriptor.annotations?.[CONTAINERD_NAME];
  if (full) return [full];
  const ref = descriptor.annotations?.[OCI_REF_NAME];
  // a bare tag names no repository
  return ref && /[:/]/.test(ref) ? [ref] : [];
}

function toArchivedImage(found: FoundManifest, names: readonly string[]): ArchivedImage {
  const { descriptor, manifest, index, innerIndexes = [], attached } = found;
  return {
    configPath: blobPath(manifest.config.digest),
    layerPaths: manifest.layers.map((layer) => blobPath(layer.digest)),
    names,
    manifest: { descriptor, path: blobPath(descriptor.digest) },
    ...(index ? { index: { descriptor: index, path: blobPath(index.digest) } } : {}),
    ...(innerIndexes.length > 0
      ? {
          innerIndexes: innerIndexes.map((one) => ({
            descriptor: one,
            path: blobPath(one.digest),
          })),
        }
      : {}),
    ...(attached && attached.length > 0 ? { attached } : {}),
  };
}

/** The name goes to one of an entry's images, the others are reached through it. */
function namedFirst(
  images: readonly ArchivedImage[],
  first: number,
  names: readonly string[],
): readonly ArchivedImage[] {
  const head = images[first];
  if (!head) return images;
  return [...images.filter((one) => one !== head), { ...head, names }];
}

/** Whether the archive has all that an image is made of. */
function isWhole(spool: ArchiveSpool, { configPath, layerPaths }: ArchivedImage): boolean {
  return [configPath, ...layerPaths].every((path) => spool.has(path));
}

/**
 * The images of an OCI layout: of each entry of `index.json` those for the platforms, or all that are whole; the one that
 * has the entry's name comes last.
 *
 * @throws {InvalidArgumentError} Damaged. {NotFoundError} Nothing in it is for them.
 */
export async function readOciLayout(
  spool: ArchiveSpool,
  choice: PlatformChoice,
): Promise<readonly ArchivedImage[]> {
  const { manifests } = await readIndex(spool);
  const documents = new DocumentReader(spool);
  const images: ArchivedImage[] = [];
  const others: Platform[] = [];
  for (const descriptor of manifests) {
    const found = await findManifests(documents, descriptor, 0);
    const names = nameOf(descriptor);
    const archived = found.map((one) => toArchivedImage(one, []));
    if (choice.wanted.length > 0) {
      const platforms = await Promise.all(
        found.map(
          async ({ descriptor: { platform } }, index) =>
            platform ?? (await configPlatform(spool, archived[index]?.configPath ?? "")),
        ),
      );
      const chosen = chooseWanted(choice.wanted, platforms);
      const wanted = chosen.flatMap((index) => archived[index] ?? []);
      images.push(...namedFirst(wanted, 0, names));
      others.push(...platforms);
      continue;
    }
    const whole = archived.flatMap((one, index) => {
      const { platform } = found[index]?.descriptor ?? {};
      return isWhole(spool, one) ? [{ one, platform }] : [];
    });
    others.push(...found.flatMap((one) => one.descriptor.platform ?? []));
    const own = await Promise.all(
      whole.map(
        async ({ one, platform }) => platform ?? (await configPlatform(spool, one.configPath)),
      ),
    );
    const best = Math.max(0, selectPlatform(choice.host, own));
    const chosen = whole.length > 0 ? whole.map(({ one }) => one) : archived.slice(0, 1);
    images.push(...namedFirst(chosen, best, names));
  }
  if (images.length === 0) throw noneFor(choice, others);
  return images;
}

/** Whether the layout has an image that may be there for several platforms. */
export async function hasIndexes(spool: ArchiveSpool): Promise<boolean> {
  const { manifests } = await readIndex(spool);
  return manifests.some(({ mediaType }) => isIndexType(mediaType));
}

/** Manifests of the layout, by their config: to find the original of an image in a docker-archive. */
export async function manifestsByConfig(
  spool: ArchiveSpool,
): Promise<ReadonlyMap<Digest, ArchivedImage>> {
  const byConfig = new Map<Digest, ArchivedImage>();
  if (!spool.has("index.json")) return byConfig;
  const documents = new DocumentReader(spool);
  for (const descriptor of (await readIndex(spool)).manifests) {
    if (!spool.has(blobPath(descriptor.digest))) continue;
    for (const found of await findManifests(documents, descriptor, 0)) {
      byConfig.set(found.manifest.config.digest, toArchivedImage(found, []));
    }
  }
  return byConfig;
}
