import { UnsupportedError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { Lease } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import { imageConfigToWire } from "#spec/oci-image.ts";
import { formatImageReference, parseImageReference } from "#spec/reference.ts";
import { exportedImage } from "./exported-image.ts";

/**
 * Makes the result an image of this engine, with the names that `name` has between commas.
 *
 * @throws {InvalidArgumentError} A name that is none. {UnsupportedError} A result of several platforms.
 */
export async function exportImage(
  parts: Pick<BuilderParts, "clock" | "images"> & { readonly layers: StepLayers },
  images: readonly SolvedImage[],
  request: ExportRequest,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const [image, ...others] = images;
  if (!image || others.length > 0) {
    throw new UnsupportedError(
      "Cannot keep an image of several platforms in this engine: build for one, or use --output type=oci",
    );
  }
  const names = (request.attributes["name"] ?? "").split(",").filter((name) => name !== "");
  const tags = names.map(parseTagTarget);
  const vertices = new Vertices(parts.clock, request.onEvent);
  return await vertices.run("exporting to image", [], async (vertex) => {
    const { attributes } = request;
    const { config, layers } = await exportedImage(parts.layers, image, attributes, lease, signal);
    const configBytes = Buffer.from(stringifyJsonHtml(imageConfigToWire(config)));
    const added = await parts.images.add(
      { configBytes, layers: layers.map(({ diffId, blob }) => ({ diffId, blob })), lease },
      signal,
    );
    const note = (text: string): void => vertex.status(text, 0, undefined, true);
    note(`writing image ${added.id}`);
    for (const [index, tag] of tags.entries()) {
      parts.images.tag(added.id, tag);
      note(`naming to ${formatImageReference(parseImageReference(names[index] ?? tag))}`);
    }
    return {
      "containerimage.config.digest": added.id,
      "containerimage.digest": added.id,
      ...(tags.length > 0 ? { "image.name": names.join(",") } : {}),
    };
  });
}
