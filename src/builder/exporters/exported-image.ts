import { InvalidArgumentError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import { parseSourceDate } from "#builder/attributes.ts";
import type { Attestation } from "#builder/attestations/statement.ts";
import type { ExportRequest, SolvedImage } from "#builder/builder.ts";
import {
  INLINE_PROPERTY,
  type SharedLayer,
  writeSharedLayers,
} from "#builder/cache/shared/document.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { Lease } from "#images/leases.ts";
import { type ImageConfig, imageConfigToWire } from "#spec/oci-image.ts";
import type { ExportedImage } from "./exported.ts";
import { finishConfig } from "./finish-config.ts";
import { squash } from "./squash.ts";

/** What `SOURCE_DATE_EPOCH`, or the exporter's attribute in its place, says. @throws {InvalidArgumentError} No date. */
export function sourceDateOf(
  image: Pick<SolvedImage, "sourceDateSeconds">,
  attributes: Readonly<Record<string, string>>,
): number | undefined {
  return parseSourceDate(attributes["source-date-epoch"] ?? "") ?? image.sourceDateSeconds;
}

/**
 * The result with its layers' tars. With `SOURCE_DATE_EPOCH`, by build argument or as attribute `source-date-epoch`, its
 * times are at most that; with `rewrite-timestamp=true` those of the files in the layers that the build made too.
 * Squashed where the request says so.
 *
 * @throws {InvalidArgumentError} A date that is none; times to be rewritten, and no date.
 */
export async function exportedImage(
  layers: StepLayers,
  image: SolvedImage,
  { attributes, squashOf }: Pick<ExportRequest, "attributes" | "squashOf">,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const sourceDate = sourceDateOf(image, attributes);
  const rewrites = attributes["rewrite-timestamp"] === "true";
  if (rewrites && sourceDate === undefined) {
    throw new InvalidArgumentError("Cannot rewrite timestamps: SOURCE_DATE_EPOCH is not given");
  }
  const exported = await Promise.all(
    image.layers.map(async (layer) =>
      // a base image's layers stay what they are
      rewrites && sourceDate !== undefined && layer.createdMs !== undefined
        ? await layers.dated(layer, sourceDate, lease, signal)
        : await layers.withBlob(layer, lease, signal),
    ),
  );
  const config = { ...image.config, diffIds: exported.map(({ diffId }) => diffId) };
  const whole = { config: finishConfig(config, sourceDate), layers: exported };
  if (squashOf === undefined) return whole;
  return await squash(layers, { image, whole, imageId: squashOf, sourceDate }, lease, signal);
}

/** The configuration's JSON. @param inline Layers that it tells the origin of, so that the image serves as a cache. */
export function configBytesOf(
  config: ImageConfig,
  inline: readonly SharedLayer[] | undefined,
): Uint8Array {
  const more = inline ? { [INLINE_PROPERTY]: writeSharedLayers(inline) } : {};
  return Buffer.from(stringifyJsonHtml({ ...imageConfigToWire(config), ...more }));
}

/** What is stated of an image where it goes with its manifest. */
export function attestationsFor(
  image: SolvedImage,
  { isPushed }: { readonly isPushed: boolean },
): readonly Attestation[] {
  // what buildx asks for unasked goes out with an image, and does not make each local one an index
  return image.attestations.filter(({ isInlineOnly }) => isPushed || !isInlineOnly);
}
