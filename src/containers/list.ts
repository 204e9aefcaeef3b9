import { NotFoundError } from "#base/errors.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerDetails } from "./containers.ts";
import { type DetailsParts, type DetailsReader, withSizes } from "./details.ts";
import { compileFilters, type FilterContext, impliesAll } from "./list-filters.ts";
import { isUp } from "./transitions.ts";

export interface ListRequest {
  readonly all: boolean;
  readonly limit?: number;
  readonly withSizes: boolean;
  readonly filters: Filters;
}

/** Youngest first. A limit, and filters by state, look at containers that do not run too. */
export async function listContainers(
  parts: DetailsParts,
  reader: Pick<DetailsReader, "summaryOf">,
  request: ListRequest,
): Promise<readonly ContainerDetails[]> {
  const matches = compileFilters(request.filters, filterContext(parts));
  const limit = request.limit ?? 0;
  const isAll = request.all || limit > 0 || impliesAll(request.filters);
  const found: ContainerDetails[] = [];
  for (const record of youngestFirst(parts.registry.visible())) {
    if (!isAll && !isUp(record.state)) continue;
    const details = reader.summaryOf(record);
    if (!matches(details)) continue;
    found.push(details);
    if (limit > 0 && found.length >= limit) break;
  }
  if (!request.withSizes) return found;
  return await Promise.all(found.map((details) => withSizes(parts, details)));
}

export function youngestFirst(records: readonly ContainerRecord[]): readonly ContainerRecord[] {
  return [...records].sort((left, right) => {
    if (left.createdNanos === right.createdNanos) return left.id < right.id ? -1 : 1;
    return left.createdNanos > right.createdNanos ? -1 : 1;
  });
}

export function filterContext(
  parts: Pick<DetailsParts, "images" | "networks" | "registry">,
): FilterContext {
  return {
    resolve: (reference) => parts.registry.resolve(reference),
    imagesBelow: (ancestor) => imagesBelow(parts, ancestor),
    networkNames: (reference) =>
      new Set([
        reference,
        ...parts.networks
          .list()
          .filter(({ id }) => id.startsWith(reference))
          .map(({ name }) => name),
      ]),
  };
}

/** The image that is named and all whose layers begin with its layers. */
function imagesBelow(parts: Pick<DetailsParts, "images">, ancestor: string): ReadonlySet<string> {
  try {
    const image = parts.images.resolve(ancestor);
    const below = parts.images
      .list({ all: true, filters: new Map() })
      .filter(
        ({ diffIds }) =>
          image.diffIds.length > 0 &&
          diffIds.length > image.diffIds.length &&
          image.diffIds.every((diffId, index) => diffIds[index] === diffId),
      );
    return new Set<string>([image.id, ...below.map(({ id }) => id)]);
  } catch (error) {
    if (error instanceof NotFoundError) return new Set();
    throw error;
  }
}
