import { InvalidArgumentError } from "#base/errors.ts";
import { parseSourceDate } from "#builder/attributes.ts";
import type { SolvedImage } from "#builder/builder.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { Lease } from "#images/leases.ts";
import type { DiffId } from "#spec/digest.ts";
import type { Descriptor, ImageConfig } from "#spec/oci-image.ts";
import { finishConfig } from "./finish-config.ts";

/** A result as it is given away. */
export interface ExportedImage {
  readonly config: ImageConfig;
  readonly layers: readonly { readonly diffId: DiffId; readonly blob: Descriptor }[];
}

/**
 * The result with its layers' tars. With `SOURCE_DATE_EPOCH`, by build argument or as attribute `source-date-epoch`, its
 * times are at most that; with `rewrite-timestamp=true` those of the files in the layers that the build made too.
 *
 * @throws {InvalidArgumentError} A date that is none; times to be rewritten, and no date.
 */
export async function exportedImage(
  layers: StepLayers,
  image: SolvedImage,
  attributes: Readonly<Record<string, string>>,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const sourceDate =
    parseSourceDate(attributes["source-date-epoch"] ?? "") ?? image.sourceDateSeconds;
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
  return { config: finishConfig(config, sourceDate), layers: exported };
}
