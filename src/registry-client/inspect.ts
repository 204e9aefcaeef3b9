import { isIndexType } from "#spec/media-types.ts";
import {
  type Descriptor,
  IMAGE_CONFIG_MAX_BYTES,
  isImageManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";
import type { Repository } from "./repository.ts";

/** What a registry has under a reference. */
export interface DistributionInspect {
  readonly descriptor: Descriptor;
  readonly platforms: readonly Platform[];
}

/** Looks a reference up without bringing anything here. */
export async function inspectDistribution(
  repository: Repository,
  reference: string,
  signal: AbortSignal,
): Promise<DistributionInspect> {
  const { descriptor, bytes } = await repository.fetchManifest(reference, signal);
  if (isIndexType(descriptor.mediaType)) {
    const index = parseIndex(bytes, descriptor.mediaType);
    return { descriptor, platforms: index.manifests.flatMap((one) => one.platform ?? []) };
  }
  const manifest = parseManifest(bytes, descriptor.mediaType);
  if (!isImageManifest(manifest)) return { descriptor, platforms: [] };
  const { digest } = manifest.config;
  const config = await repository.readBlob(digest, IMAGE_CONFIG_MAX_BYTES, signal);
  return { descriptor, platforms: [parseImageConfig(config).platform] };
}
