import { formatRfc3339 } from "#base/rfc3339.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import { type DiffId, parseDiffId } from "#spec/digest.ts";
import { type ImageConfig, imageConfigToWire } from "#spec/oci-image.ts";
import { type AddImageOptions, addImage } from "./add-image.ts";
import type { CommitRequest, ImageRecord } from "./images.ts";
import type { WantedLayer } from "./layers.ts";
import type { Leases } from "./leases.ts";
import { parseTagTarget } from "./records.ts";

export interface CommitOptions extends AddImageOptions {
  readonly leases: Leases;
  readonly nowNanos: () => bigint;
}

/** Length of a tar without a member. */
const EMPTY_TAR_BYTES = 1024;

/** Makes an image of its parent's layers and one more. @see Images.commit */
export async function commitLayer(
  options: CommitOptions,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const { parent } = request;
  const tag = request.tag === undefined ? undefined : parseTagTarget(request.tag);
  using lease = options.leases.open();
  for (const { digest } of parent.layers) lease.add(digest);
  const blob = await options.content.ingest(request.layer, { lease }, signal);
  // a plain tar's diff id is its blob's digest
  const diffId = blob.sizeBytes <= EMPTY_TAR_BYTES ? undefined : parseDiffId(blob.digest);
  const own: readonly WantedLayer[] = diffId === undefined ? [] : [{ blob, diffId }];
  const created = formatRfc3339(options.nowNanos());
  const parts = {
    configBytes: Buffer.from(
      stringifyJsonHtml(imageConfigToWire(childConfig(request, diffId, created))),
    ),
    layers: [...parentLayers(parent), ...own],
  };
  const { id } = await addImage(options, parts, lease, () => {}, signal);
  const { records, nowMs } = options;
  return records.transaction(() => {
    records.put({ ...records.resolve(id), parentId: parent.id });
    if (tag !== undefined) records.assignTag(id, tag, nowMs());
    return records.resolve(id);
  });
}

function parentLayers(parent: ImageRecord): readonly WantedLayer[] {
  return parent.layers.flatMap((layer, index) => {
    const diffId = parent.diffIds[index];
    return diffId === undefined ? [] : [{ blob: layer, diffId }];
  });
}

function childConfig(
  request: CommitRequest,
  diffId: DiffId | undefined,
  created: string,
): ImageConfig {
  const { parent, config, author, comment, createdBy } = request;
  const emptyLayer = diffId === undefined;
  return {
    created,
    author,
    platform: parent.config.platform,
    osFeatures: parent.config.osFeatures,
    config,
    diffIds: [...parent.diffIds, ...(diffId === undefined ? [] : [diffId])],
    history: [...parent.config.history, { created, createdBy, author, comment, emptyLayer }],
    comment,
    dockerVersion: "",
  };
}
