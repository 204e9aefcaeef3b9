import { join } from "node:path";
import type { ContainerRecord } from "./container.ts";
import type { ContainerDetails } from "./containers.ts";
import type { ContainerParts } from "./parts.ts";
import { containerFilePaths } from "./write-container-files.ts";

export type DetailsParts = Pick<
  ContainerParts,
  "execs" | "images" | "logs" | "networks" | "registry" | "settings" | "snapshotter"
>;

/** Without the driver's paths, which take a look at every layer of the image. */
export function detailsOf(parts: DetailsParts, record: ContainerRecord): ContainerDetails {
  // what a run left is cleaned away behind the answer; it is not the container's any more
  const sandbox =
    record.state.status === "running" ? parts.networks.sandboxOf(record.id) : undefined;
  const directory = join(parts.settings.directory, record.id);
  return {
    record,
    ...(sandbox && { sandbox }),
    execIds: parts.execs.idsOf(record.id),
    logPath: parts.logs.driver(record.hostConfig.LogConfig.Type).filePath(directory),
    ...containerFilePaths(parts, record),
    storageDriver: parts.snapshotter.driver,
    graphData: {},
  };
}

export function withGraphData(parts: DetailsParts, details: ContainerDetails): ContainerDetails {
  const { id } = details.record;
  if (!parts.snapshotter.stat(id)) return details;
  return { ...details, graphData: parts.snapshotter.graphData(id) };
}

/** Bytes that the container wrote, and those together with its image's. */
export async function withSizes(
  parts: DetailsParts,
  details: ContainerDetails,
): Promise<ContainerDetails> {
  const { id, imageId } = details.record;
  if (!parts.snapshotter.stat(id)) return details;
  const { bytes } = await parts.snapshotter.usage(id);
  const imageBytes = parts.images
    .list({ all: true, filters: new Map() })
    .find((image) => image.id === imageId)?.sizeBytes;
  return {
    ...details,
    sizes: { writableBytes: bytes, rootfsBytes: bytes + (imageBytes ?? 0) },
  };
}
