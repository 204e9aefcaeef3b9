import type { SolvedImage, StageBase } from "#builder/builder.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { topOf } from "#builder/solver/built-layer.ts";
import type { Lease } from "#images/leases.ts";
import type { Digest } from "#spec/digest.ts";
import type { ImageConfig } from "#spec/oci-image.ts";
import type { ExportedImage } from "./exported.ts";

/*
 * Squashing is holding two trees against each other, that of the result and that of what its stage began with, and
 * packing the difference as a layer. Nothing is decided from the layers in between: what one of them made and a later one
 * removed is in neither tree, and whiteouts, opaque folders, hard links, and files that became folders are what overlayfs
 * says they are. So docker has it, but for files that only their content tells apart: it holds time and size against each
 * other, and here a file is the same when it comes from the same layer, or where layers are whole trees, has the same bytes.
 */

interface Squashing {
  readonly image: SolvedImage;
  /** With all its layers. */
  readonly whole: ExportedImage;
  /** What that is called. */
  readonly imageId: Digest;
  /** No time is later, in seconds since 1970. */
  readonly sourceDate: number | undefined;
}

/** The result with the layers of its stage made one. Where there are none, none is added. */
export async function squash(
  layers: StepLayers,
  { image, whole, imageId, sourceDate }: Squashing,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const { base } = image;
  const top = topOf(image.layers.slice(base.layerCount));
  if (top === undefined) {
    return { ...whole, config: squashedConfig(whole.config, base, { imageId }) };
  }
  const below = topOf(image.layers.slice(0, base.layerCount));
  const made = await layers.difference({ base: below, top }, lease, signal);
  const kept = [...whole.layers.slice(0, base.layerCount), made];
  const config = { ...whole.config, diffIds: kept.map(({ diffId }) => diffId) };
  const createdMs = Math.min(made.createdMs, (sourceDate ?? Infinity) * 1000);
  const created = new Date(createdMs).toISOString();
  return { config: squashedConfig(config, base, { imageId, created }), layers: kept };
}

/**
 * The history of a squashed image: what its stage did has no layers, and one more line, in docker's words, has them all.
 *
 * @param config With the layers that the image has now.
 * @param by.imageId The image that was squashed.
 * @param by.created RFC 3339; when the image was made where absent.
 */
export function squashedConfig(
  config: ImageConfig,
  base: StageBase,
  { imageId, created }: { readonly imageId: Digest; readonly created?: string },
): ImageConfig {
  const steps = config.history.map((line, index) =>
    index < base.historyCount ? line : { ...line, emptyLayer: true },
  );
  const comment =
    base.imageId === undefined
      ? `create new from ${imageId}`
      : `merge ${imageId} to ${base.imageId}`;
  const emptyLayer = config.diffIds.length === base.layerCount;
  const time = created ?? config.created;
  const when = time === undefined ? {} : { created: time };
  const last = { ...when, createdBy: "", author: "", comment, emptyLayer };
  return { ...config, ...when, history: [...steps, last] };
}
