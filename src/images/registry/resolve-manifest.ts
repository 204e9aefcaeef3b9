import { InvalidArgumentError, NotFoundError, WharfError } from "#base/errors.ts";
import { RegistryAnswerError } from "#registry-client/errors.ts";
import type { FetchedManifest, Repository } from "#registry-client/repository.ts";
import { isIndexType } from "#spec/media-types.ts";
import {
  type Descriptor,
  isImageManifest,
  type Manifest,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import { familiarName, familiarReference, type ImageReference } from "#spec/reference.ts";

/** The documents that a reference stands for on one platform. */
export interface ResolvedManifest {
  readonly manifest: Manifest;
  readonly document: FetchedManifest;
  /** Where the reference stands for several platforms. */
  readonly index?: FetchedManifest;
  /** Between that and the manifest, outermost first. */
  readonly innerIndexes?: readonly FetchedManifest[];
}

const MAX_INDEX_DEPTH = 4;
const PLUGIN_CONFIG = "application/vnd.docker.plugin.v1+json";

/** Says what of a reference could not be had, in Docker's words. */
export function explainManifestError(error: unknown, reference: ImageReference): unknown {
  if (!(error instanceof RegistryAnswerError)) return error;
  const name = familiarReference(reference);
  switch (error.kind) {
    case "not-found": {
      // a registry that is hidden from strangers knows no repository either
      const isUnknown =
        error.codes.includes("NAME_UNKNOWN") && !error.codes.includes("MANIFEST_UNKNOWN");
      const reason = isUnknown ? error.message : `${error.message || "manifest unknown"}`;
      return new NotFoundError(`manifest for ${name} not found: ${reason}`, { cause: error });
    }
    case "unauthenticated":
    case "permission-denied":
      return new NotFoundError(
        `pull access denied for ${familiarName(reference)}, repository does not exist or may require ` +
          `'docker login': ${error.message}`,
        { cause: error },
      );
    default:
      return error;
  }
}

/**
 * Fetches the manifest of a reference, and of an index the one that suits the platform best.
 *
 * @throws {NotFoundError} There is none. {InvalidArgumentError} It is no image, or contradicts itself.
 */
export async function resolveManifest(
  repository: Repository,
  reference: ImageReference,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  let document: FetchedManifest;
  try {
    const target = reference.digest ?? reference.tag ?? "latest";
    document = await repository.fetchManifest(target, signal);
  } catch (error) {
    throw explainManifestError(error, reference);
  }
  const indexes: FetchedManifest[] = [];
  for (let depth = 0; isIndexType(typeOf(document)); depth++) {
    if (depth >= MAX_INDEX_DEPTH) {
      throw new InvalidArgumentError(
        `Cannot pull ${familiarReference(reference)}: its indexes are nested more than ${MAX_INDEX_DEPTH} deep`,
      );
    }
    const chosen = choose(document, platform);
    indexes.push({
      ...document,
      descriptor: { ...document.descriptor, mediaType: typeOf(document) },
    });
    document = await fetchInner(repository, chosen, signal);
  }
  const manifest = parseManifest(document.bytes, typeOf(document));
  if (!isImageManifest(manifest)) {
    const what = manifest.artifactType ?? manifest.config.mediaType;
    if (what === PLUGIN_CONFIG) {
      throw new InvalidArgumentError(`Encountered remote "${what}"(plugin) when fetching`);
    }
    throw new InvalidArgumentError(
      `Cannot pull ${familiarReference(reference)}: it is no image, but ${JSON.stringify(what.slice(0, 200))}`,
    );
  }
  const described = {
    ...document,
    descriptor: { ...document.descriptor, mediaType: manifest.mediaType },
  };
  const [index, ...innerIndexes] = indexes;
  return index
    ? { manifest, document: described, index, innerIndexes }
    : { manifest, document: described };
}

/** What the document calls itself, where the registry gives it another type or none. */
function typeOf({ descriptor, bytes }: FetchedManifest): string {
  const { mediaType } = descriptor;
  if (
    mediaType !== "" &&
    !/^(?:application\/json|text\/plain|application\/octet-stream)/.test(mediaType)
  ) {
    return mediaType;
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const named = typeof value === "object" && value !== null && "mediaType" in value;
    return named && typeof value.mediaType === "string" ? value.mediaType : mediaType;
  } catch {
    return mediaType; // the parser of the type says what is wrong
  }
}

function choose(document: FetchedManifest, platform: Platform): Descriptor {
  const index = parseIndex(document.bytes, typeOf(document));
  const runnable = index.manifests.filter((one) => one.platform !== undefined);
  const known = runnable.flatMap((one) => one.platform ?? []);
  const chosen = runnable[selectPlatform(platform, known)];
  if (chosen) return chosen;
  const [only, ...others] = index.manifests;
  // an index of one image that nobody gave a platform leaves no choice
  if (only && others.length === 0 && !only.platform) return only;
  throw new NotFoundError(
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries: ` +
      `it has ${[...new Set(known.map(formatPlatform))].join(", ") || "no platform at all"}`,
  );
}

async function fetchInner(
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<FetchedManifest> {
  let inner: FetchedManifest;
  try {
    inner = await repository.fetchManifest(descriptor.digest, signal, descriptor.sizeBytes);
  } catch (error) {
    if (error instanceof WharfError && error.kind === "not-found") {
      throw new NotFoundError(
        `manifest ${descriptor.digest} is named by the index, but not there: ${error.message}`,
        { cause: error },
      );
    }
    throw error;
  }
  if (inner.bytes.byteLength !== descriptor.sizeBytes) {
    throw new InvalidArgumentError(
      `manifest verification failed for digest ${descriptor.digest}: it has ${inner.bytes.byteLength} bytes, ` +
        `the index says ${descriptor.sizeBytes}`,
    );
  }
  return { ...inner, descriptor: { ...inner.descriptor, mediaType: descriptor.mediaType } };
}
