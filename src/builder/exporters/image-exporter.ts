import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import { INLINE_PROPERTY, writeSharedLayers } from "#builder/cache/shared/document.ts";
import { layersOfImages } from "#builder/cache/shared/export-cache.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { Lease } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import { imageConfigToWire } from "#spec/oci-image.ts";
import { formatImageReference, parseImageReference } from "#spec/reference.ts";
import { readAnnotations, readFlag } from "./attributes.ts";
import { exportedImage } from "./exported-image.ts";
import { pushImage } from "./push-image.ts";

/**
 * Makes the result an image of this engine, with the names that `name` has between commas.
 *
 * @throws {InvalidArgumentError} A name that is none. {UnsupportedError} A result of several platforms.
 */
export async function exportImage(
  parts: Pick<BuilderParts, "clock" | "images" | "records"> & { readonly layers: StepLayers },
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
  const { attributes } = request;
  const names = (attributes["name"] ?? "").split(",").filter((name) => name !== "");
  const tags = names.map(parseTagTarget);
  const full = names.map((name) => formatImageReference(parseImageReference(name)));
  const isPushed = readFlag(attributes, "push");
  checkAttributes(attributes, isPushed && names.length === 0);
  const vertices = new Vertices(parts.clock, request.onEvent);
  return await vertices.run("exporting to image", [], async (vertex) => {
    const { config, layers } = await exportedImage(parts.layers, image, attributes, lease, signal);
    const inline = request.isInlineCache
      ? { [INLINE_PROPERTY]: writeSharedLayers(layersOfImages(parts, images)) }
      : {};
    const configBytes = Buffer.from(stringifyJsonHtml({ ...imageConfigToWire(config), ...inline }));
    const added = await parts.images.add(
      { configBytes, layers: layers.map(({ diffId, blob }) => ({ diffId, blob })), lease },
      signal,
    );
    const note = (text: string): void => vertex.status(text, 0, undefined, true);
    note(`writing image ${added.id}`);
    for (const [index, tag] of tags.entries()) {
      parts.images.tag(added.id, tag);
      note(`naming to ${full[index] ?? tag}`);
    }
    const pushed = isPushed
      ? await pushImage(parts, { id: added.id, names }, vertex, request, signal)
      : undefined;
    return {
      "containerimage.config.digest": added.id,
      "containerimage.digest": pushed ?? added.id,
      ...(tags.length > 0 ? { "image.name": full.join(",") } : {}),
    };
  });
}

/** @throws {UnsupportedError} What an image of the engine cannot have. {InvalidArgumentError} A push to nowhere. */
function checkAttributes(attributes: ExportRequest["attributes"], isNameless: boolean): void {
  if (isNameless) throw new InvalidArgumentError("tag is needed when pushing to registry");
  const { manifest, index } = readAnnotations(attributes);
  if (Object.keys({ ...manifest, ...index }).length > 0) {
    throw new UnsupportedError(
      "Cannot annotate an image of the engine: use --output type=oci or --label",
    );
  }
  const compression = attributes["compression"] ?? "gzip";
  if (compression === "gzip" || compression === "uncompressed") return;
  throw new UnsupportedError(`Cannot push layers packed by ${compression}: they go out by gzip`);
}
