import { formatRfc3339 } from "#base/rfc3339.ts";
import { EMPTY_EXECUTION_CONFIG, type ImageConfig, imageConfigToWire } from "#spec/oci-image.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import { type Platform, parsePlatform } from "#spec/platform.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { type AddImageOptions, addImage } from "./add-image.ts";
import { applyChanges } from "./changes.ts";
import { packedAsLayer, type Programs } from "./archive/decompress.ts";
import type { ImageRecord, ImportRequest } from "./images.ts";
import type { Leases } from "./leases.ts";
import { parseTagTarget } from "./records.ts";

const DEFAULT_MESSAGE = "Imported from -";

export interface ImportOptions extends AddImageOptions {
  readonly leases: Leases;
  readonly programs: Programs;
  readonly platform: Platform;
  readonly nowNanos: () => bigint;
}

/** Makes an image of one layer from the tar of a root file system. @see Images.import */
export async function importTar(
  options: ImportOptions,
  request: ImportRequest,
  signal: AbortSignal,
): Promise<ImageRecord> {
  // all that can be refused is, before the first byte is read
  const tag = request.reference === undefined ? undefined : parseTagTarget(request.reference);
  const platform =
    request.platform === undefined
      ? options.platform
      : parsePlatform(request.platform, options.platform);
  if (platform.os !== "linux") {
    throw new InvalidArgumentError(`operating system is not supported: ${platform.os}`);
  }
  const config = applyChanges(EMPTY_EXECUTION_CONFIG, request.changes);
  using lease = options.leases.open();
  const source = packedAsLayer(request.source, options.programs);
  const blob = await options.content.ingest(source, { lease }, signal);
  const diffId = await options.layers.adopt(blob, lease, signal);
  const comment = request.message || DEFAULT_MESSAGE;
  const created = formatRfc3339(options.nowNanos());
  const image: ImageConfig = {
    created,
    author: "",
    platform,
    osFeatures: [],
    config,
    diffIds: [diffId],
    history: [{ created, createdBy: "", author: "", comment, emptyLayer: false }],
    comment,
    dockerVersion: "",
  };
  const parts = {
    configBytes: Buffer.from(stringifyJsonHtml(imageConfigToWire(image))),
    layers: [{ blob, diffId }],
  };
  const { id } = await addImage(options, parts, lease, () => {}, signal);
  if (tag !== undefined) options.records.assignTag(id, tag, options.nowMs());
  return options.records.resolve(id);
}
