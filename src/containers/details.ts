import { NotFoundError } from "#base/errors.ts";
import type { ImageRecord } from "#images/images.ts";
import type { Sandbox } from "#networks/networks.ts";
import type { ContainerId, ExecId } from "#spec/ids.ts";
import { filePathsOf, filesOwner } from "./bring-up/write-container-files.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerDetails } from "./containers.ts";
import { engineBytes } from "./engine-bytes.ts";
import type { ContainerHealth } from "./health/health.ts";
import { formatLinks, linksTo } from "./links/links.ts";
import { dnsNamesOf } from "./networks/attachments.ts";
import type { ContainerParts } from "./parts.ts";

export type DetailsParts = Pick<
  ContainerParts,
  "execs" | "health" | "images" | "logs" | "networks" | "registry" | "settings" | "snapshotter"
>;

/**
 * All that details are made of besides the record, which is never changed but replaced. What is not in here cannot get
 * into them: so nothing can change behind those that are remembered.
 */
interface Surroundings {
  readonly sandbox: Sandbox | undefined;
  readonly health: ContainerHealth | undefined;
  readonly filesOwner: ContainerId;
  readonly links: readonly string[];
  readonly linkNames: readonly string[];
  readonly execIds: readonly ExecId[];
  readonly graphData: Readonly<Record<string, string>>;
}

interface Known {
  readonly surroundings: Surroundings;
  readonly details: ContainerDetails;
}

const NO_GRAPH_DATA: Surroundings["graphData"] = {};

/**
 * Looks at containers for users. As long as nothing has changed the same details come back, and what somebody made of
 * them may be kept by them. They go with their record, about 1 KB each.
 */
export class DetailsReader {
  readonly #parts: DetailsParts;
  readonly #known = new WeakMap<ContainerRecord, Known>();

  constructor(parts: DetailsParts) {
    this.#parts = parts;
  }

  /** Without the driver's paths, which take a look at every layer of the image. */
  summaryOf(record: ContainerRecord): ContainerDetails {
    return makeDetails(this.#parts, record, lookAround(this.#parts, record, NO_GRAPH_DATA));
  }

  detailsOf(record: ContainerRecord): ContainerDetails {
    const graphData = graphDataOf(this.#parts, record.id);
    const surroundings = lookAround(this.#parts, record, graphData);
    const known = this.#known.get(record);
    if (known && isAsBefore(known.surroundings, surroundings)) return known.details;
    const details = makeDetails(this.#parts, record, surroundings);
    this.#known.set(record, { surroundings, details });
    return details;
  }
}

function lookAround(
  parts: DetailsParts,
  record: ContainerRecord,
  graphData: Surroundings["graphData"],
): Surroundings {
  const { id, state } = record;
  const { registry } = parts;
  return {
    // what a run left is cleaned away behind the answer; it is not the container's any more
    sandbox: state.status === "running" ? parts.networks.sandboxOf(id) : undefined,
    health: parts.health.healthOf(id),
    filesOwner: filesOwner(registry, record),
    links: formatLinks(registry, record),
    linkNames: linksTo(registry, id)
      .map(({ parent, alias }) => `${parent.name}/${alias}`)
      .sort(),
    execIds: parts.execs.idsOf(id),
    graphData,
  };
}

function makeDetails(
  { logs, settings, snapshotter }: Pick<DetailsParts, "logs" | "settings" | "snapshotter">,
  record: ContainerRecord,
  { sandbox, health, filesOwner: owner, ...shown }: Surroundings,
): ContainerDetails {
  return {
    record,
    ...(sandbox && { sandbox }),
    ...(health && { health }),
    ...shown,
    networkFacts: Object.fromEntries(
      Object.entries(record.networkingConfig.EndpointsConfig).map(([name, wanted]) => [
        name,
        {
          networkId: record.networkIds?.[name] ?? "",
          dnsNames: dnsNamesOf(record, name, wanted),
        },
      ]),
    ),
    logPath: logs.filePath({
      id: record.id,
      directory: `${settings.directory}/${record.id}`,
      driver: record.hostConfig.LogConfig.Type,
    }),
    ...filePathsOf(settings, owner),
    storageDriver: snapshotter.driver,
  };
}

function graphDataOf(
  { snapshotter }: Pick<DetailsParts, "snapshotter">,
  id: ContainerId,
): Surroundings["graphData"] {
  try {
    return snapshotter.graphData(id);
  } catch (error) {
    if (error instanceof NotFoundError) return NO_GRAPH_DATA; // removed meanwhile
    throw error;
  }
}

function isAsBefore(before: Surroundings, now: Surroundings): boolean {
  const names = Object.keys(now) as (keyof Surroundings)[];
  return names.every((name) => before[name] === now[name] || hasSame(before[name], now[name]));
}

/** Whether two lists or tables hold the same values. */
function hasSame(left: unknown, right: unknown): boolean {
  if (!isObject(left) || !isObject(right)) return false;
  let count = 0;
  for (const key in left) {
    if (left[key] !== right[key]) return false;
    count += 1;
  }
  return count === Object.keys(right).length;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
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
