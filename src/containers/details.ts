import { NotFoundError } from "#base/errors.ts";
import type { ImageRecord } from "#images/images.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerDetails } from "./containers.ts";
import { formatLinks, linksTo } from "./links/links.ts";
import { loggedContainer } from "./logs.ts";
import { dnsNamesOf } from "./networks/attachments.ts";
import type { ContainerParts } from "./parts.ts";
import { engineBytes } from "./engine-bytes.ts";
import { containerFilePaths } from "./bring-up/write-container-files.ts";

export type DetailsParts = Pick<
  ContainerParts,
  "execs" | "health" | "images" | "logs" | "networks" | "registry" | "settings" | "snapshotter"
>;

/** Without the driver's paths, which take a look at every layer of the image. */
export function detailsOf(parts: DetailsParts, record: ContainerRecord): ContainerDetails {
  // what a run left is cleaned away behind the answer; it is not the container's any more
  const sandbox =
    record.state.status === "running" ? parts.networks.sandboxOf(record.id) : undefined;
  const health = parts.health.healthOf(record.id);
  return {
    record,
    ...(sandbox && { sandbox }),
    ...(health && { health }),
    networkFacts: Object.fromEntries(
      Object.entries(record.networkingConfig.EndpointsConfig).map(([name, settings]) => [
        name,
        {
          networkId: record.networkIds?.[name] ?? "",
          dnsNames: dnsNamesOf(record, name, settings),
        },
      ]),
    ),
    links: formatLinks(parts.registry, record),
    linkNames: linksTo(parts.registry, record.id)
      .map(({ parent, alias }) => `${parent.name}/${alias}`)
      .sort(),
    execIds: parts.execs.idsOf(record.id),
    logPath: parts.logs.filePath(loggedContainer(parts, record)),
    ...containerFilePaths(parts, record),
    storageDriver: parts.snapshotter.driver,
    graphData: {},
  };
}

export function withGraphData(parts: DetailsParts, details: ContainerDetails): ContainerDetails {
  try {
    return { ...details, graphData: parts.snapshotter.graphData(details.record.id) };
  } catch (error) {
    if (error instanceof NotFoundError) return details; // removed meanwhile
    throw error;
  }
}

/** Bytes that the container wrote, and those together with its image's; none of one that goes meanwhile. */
export async function withSizes(
  parts: DetailsParts,
  details: ContainerDetails,
): Promise<ContainerDetails> {
  const { id, imageId } = details.record;
  if (!parts.snapshotter.stat(id)) return details;
  try {
    const usage = await parts.snapshotter.usage(id);
    const bytes = Math.max(0, usage.bytes - engineBytes(parts.snapshotter, id));
    const rootfsBytes = bytes + (imageOf(parts, imageId)?.sizeBytes ?? 0);
    return { ...details, sizes: { writableBytes: bytes, rootfsBytes } };
  } catch (error) {
    if (error instanceof NotFoundError) return details;
    throw error;
  }
}

/** @returns Undefined when it was removed by force. */
export function imageOf(
  parts: Pick<ContainerParts, "images">,
  imageId: ContainerRecord["imageId"],
): ImageRecord | undefined {
  try {
    return parts.images.resolve(imageId);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
