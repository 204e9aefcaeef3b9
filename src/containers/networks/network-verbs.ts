import { messageOf, PermissionDeniedError } from "#base/errors.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { NetworkRecord, NetworkRequest } from "#networks/networks.ts";
import { type Filters, matchesLabels } from "#spec/engine-api/filters.ts";
import { parseUntilFilter } from "#spec/engine-api/until-filter.ts";

type VerbParts = Pick<
  ContainerParts,
  "clock" | "events" | "lives" | "networks" | "registry" | "warn"
>;

const NANOS_PER_MS = 1_000_000n;
const BUILT_IN: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

export async function createNetwork(
  parts: VerbParts,
  request: NetworkRequest,
): Promise<NetworkRecord> {
  const network = await parts.networks.create(request);
  parts.events.network("create", network);
  return network;
}

/** @throws {PermissionDeniedError} With Docker's texts: predefined, or with live containers, which are named. */
export async function removeNetwork(parts: VerbParts, reference: string): Promise<void> {
  const network = parts.networks.resolve(reference);
  await releaseDead(parts, network);
  await parts.networks.remove(network.id);
  parts.events.network("destroy", network);
}

/** What a container that has ended still has of the network goes away behind its exit: waited for. */
async function releaseDead(parts: VerbParts, network: NetworkRecord): Promise<void> {
  for (const { containerId } of parts.networks.endpointsOf(network.id)) {
    const record = parts.registry.all().find(({ id }) => id === containerId);
    if (!record) await parts.networks.closeSandbox(containerId);
    else if (record.state.status !== "running") await parts.lives.of(record.id).cleaning;
  }
}

/** Removes the user's networks that nobody is on. @returns Names of those that went. */
export async function pruneNetworks(
  parts: VerbParts,
  filters: Filters,
): Promise<readonly string[]> {
  const until = parseUntilFilter(filters, parts.clock.nowNanos());
  const removed: string[] = [];
  for (const network of parts.networks.list()) {
    if (BUILT_IN.has(network.name) || !matchesLabels(filters, network.labels)) continue;
    const createdNanos = BigInt(Math.trunc(network.createdMs)) * NANOS_PER_MS;
    if (until !== undefined && createdNanos > until) continue;
    try {
      await removeNetwork(parts, network.id);
      removed.push(network.name);
    } catch (error) {
      // in use, or taken by somebody else meanwhile
      if (!(error instanceof PermissionDeniedError)) {
        parts.warn(`Cannot prune network ${network.name}: ${messageOf(error)}`);
      }
    }
  }
  return removed;
}
