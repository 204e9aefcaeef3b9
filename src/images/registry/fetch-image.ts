import { InvalidArgumentError } from "#base/errors.ts";
import { addImage, type AddImageOptions } from "#images/add-image.ts";
import type { AttachedManifest, BlobsSource, ImageProgress, ImageRecord } from "#images/images.ts";
import type { LayerProgress, WantedLayer } from "#images/layers.ts";
import type { Lease } from "#images/leases.ts";
import { type ChainId, chainIdsOf, digestAlgorithm, digestOf } from "#spec/digest.ts";
import {
  type Descriptor,
  IMAGE_CONFIG_MAX_BYTES,
  type ImageConfig,
  parseImageConfig,
} from "#spec/oci-image.ts";
import type { Download, Downloads } from "./downloads.ts";
import { LayerReports } from "./layer-reports.ts";
import type { ResolvedManifest } from "./resolve-manifest.ts";

export interface FetchImageOptions extends AddImageOptions {
  readonly downloads: Downloads;
  /** Whether the layer is committed and its blob known. */
  readonly hasLayer: (chainId: ChainId) => boolean;
}

export interface FetchRequest {
  readonly resolved: ResolvedManifest;
  readonly source: BlobsSource;
  /** Brings what says something about the image, beside its layers. */
  readonly fetchAttached?: () => Promise<readonly AttachedManifest[]>;
  /** Told the configuration before any layer comes. */
  readonly onConfig?: (config: ImageConfig) => void;
  readonly onProgress: (progress: ImageProgress) => void;
}

/**
 * Brings in what is missing of an image whose manifest is known, and makes its record.
 *
 * @param lease Holds its blobs and layers meanwhile.
 * @throws {InvalidArgumentError} A part is not what manifest and configuration say.
 */
export async function fetchImage(
  options: FetchImageOptions,
  request: FetchRequest,
  lease: Lease,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const { manifest, document, index, innerIndexes = [] } = request.resolved;
  const configBytes = await fetchConfig(options, request.source, manifest.config, lease, signal);
  const config = parseImageConfig(configBytes);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new InvalidArgumentError(
      `invalid manifest, layers length mismatch: expected ${manifest.layers.length}, ` +
        `got ${config.diffIds.length}`,
    );
  }
  request.onConfig?.(config);
  for (const chainId of chainIdsOf(config.diffIds)) lease.addLayer(chainId);
  for (const { digest } of manifest.layers) lease.add(digest);
  using downloads = new DisposableStack();
  const reports = new LayerReports(request.onProgress);
  const layers = startDownloads(options, request, config, downloads, reports);
  const attached = request.fetchAttached?.() ?? Promise.resolve([]);
  attached.catch(() => undefined); // told below, unless the layers fail before
  const image = await addImage(
    options,
    {
      configBytes,
      layers,
      manifest: document,
      ...(index ? { index, innerIndexes } : {}),
      attached,
      isManifestKept: true,
    },
    lease,
    (progress: LayerProgress) => reports.extracting(progress),
    signal,
  );
  reports.pulled();
  return image;
}

async function fetchConfig(
  { content }: FetchImageOptions,
  source: BlobsSource,
  config: Descriptor,
  lease: Lease,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (config.sizeBytes > IMAGE_CONFIG_MAX_BYTES) {
    throw new InvalidArgumentError(
      `Cannot read image config: ${config.sizeBytes} bytes are over the limit of ${IMAGE_CONFIG_MAX_BYTES}`,
    );
  }
  // of an image that is here, which may be removed before it is read
  lease.add(config.digest);
  if (content.info(config.digest))
    return await content.readBytes(config.digest, IMAGE_CONFIG_MAX_BYTES);
  const bytes = await source.readBlob(config.digest, config.sizeBytes, signal);
  const actual = digestOf(bytes, digestAlgorithm(config.digest));
  if (actual !== config.digest || bytes.byteLength !== config.sizeBytes) {
    throw new InvalidArgumentError(
      `image config verification failed for digest ${config.digest}: what the registry sent has ` +
        `${actual} and ${bytes.byteLength} bytes, its manifest says ${config.sizeBytes}`,
    );
  }
  return bytes;
}

/** All at once: how many run is for `Downloads` to limit. */
function startDownloads(
  options: FetchImageOptions,
  { resolved, source }: FetchRequest,
  config: ImageConfig,
  stack: DisposableStack,
  reports: LayerReports,
): readonly WantedLayer[] {
  const { layers } = resolved.manifest;
  const chainIds = chainIdsOf(config.diffIds);
  const isThere = chainIds.map((id) => options.hasLayer(id));
  for (const [index, { digest }] of layers.entries()) {
    reports.add(digest, config.diffIds[index], isThere[index] ?? false);
  }
  return layers.flatMap((layer, index) => {
    const diffId = config.diffIds[index];
    if (diffId === undefined) return [];
    const blob = { digest: layer.digest, sizeBytes: layer.sizeBytes };
    if (isThere[index]) return [{ blob, diffId }];
    const download: Download = options.downloads.start(
      {
        ...blob,
        ...(layer.urls ? { urls: layer.urls } : {}),
        open: (request, signal) => source.openBlob(request, signal),
      },
      (step) => reports.downloading(index, step, layer.sizeBytes),
    );
    stack.use(download);
    return [{ blob, diffId, arriving: download }];
  });
}
