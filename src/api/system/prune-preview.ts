import { InvalidArgumentError } from "#base/errors.ts";
import { parseFilters } from "#spec/engine-api/filters.ts";
import type { UsageKind } from "#upkeep/disk-usage.ts";
import type { PrunePreview } from "#upkeep/prune-preview.ts";
import { type Exchange, sendJson } from "#api/exchange.ts";
import type { SystemBackend } from "./backend.ts";

const KINDS: readonly UsageKind[] = ["container", "image", "volume", "build-cache"];
const FILTERS = ["label", "label!", "until", "dangling", "all", "unused-for"] as const;

function previewToWire(preview: PrunePreview): object {
  const { containers, images, volumes } = preview;
  const bytes = [
    ...containers.map(({ sizeBytes }) => sizeBytes),
    preview.imagesBytes,
    ...volumes.map(({ sizeBytes }) => sizeBytes),
    preview.buildCacheBytes,
  ];
  return {
    Containers: containers.map(({ id, name, sizeBytes }) => ({
      Id: id,
      Name: name,
      Size: sizeBytes,
    })),
    Images: images.map(({ id, tags, repoDigests }) => ({
      Id: id,
      Names: tags.length > 0 ? tags : repoDigests,
    })),
    ImagesSize: preview.imagesBytes,
    Volumes: volumes.map(({ name, sizeBytes }) => ({ Name: name, Size: sizeBytes })),
    BuildCacheCount: preview.buildCacheCount,
    BuildCacheSize: preview.buildCacheBytes,
    SpaceReclaimed: bytes.reduce((sum, one) => sum + one, 0),
  };
}

/** `GET /system/prune/preview`: what the prunes of the kinds named by `type` would remove. Not Docker's. */
export async function sendPrunePreview(exchange: Exchange, backend: SystemBackend): Promise<void> {
  const { query } = exchange;
  const kinds = query.all("type").map((text) => {
    const kind = KINDS.find((known) => known === text);
    if (kind === undefined) throw new InvalidArgumentError(`unknown object type: ${text}`);
    return kind;
  });
  const preview = await backend.previewPrune({
    kinds: new Set(kinds),
    filters: parseFilters(query.get("filters"), FILTERS),
    allImages: query.boolean("all-images"),
    allVolumes: query.boolean("all-volumes"),
  });
  sendJson(exchange, 200, previewToWire(preview));
}
