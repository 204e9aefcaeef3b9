import type {
  BuildPruneResponse,
  ContainerPruneResponse,
  ImagePruneResponse,
  NetworkPruneResponse,
  VolumePruneResponse,
} from "@docker/node-sdk";
import type { EngineClient } from "#client/engine-client.ts";
import type { FilterValues } from "#cli/command/flags.ts";

/** What one prune removed. */
export interface PruneReport {
  readonly reclaimedBytes: number;
  /** A heading and a line for each thing, as docker prints it; empty when nothing went. */
  readonly text: string;
}

function report(heading: string, lines: readonly string[], bytes: number | undefined): PruneReport {
  return {
    reclaimedBytes: bytes ?? 0,
    text: lines.length === 0 ? "" : `${heading}:\n${lines.map((line) => `${line}\n`).join("")}`,
  };
}

export async function pruneContainers(
  engine: EngineClient,
  filters: FilterValues,
): Promise<PruneReport> {
  const pruned = await engine.postJson<ContainerPruneResponse>("/containers/prune", {
    query: { filters },
  });
  return report("Deleted Containers", pruned.ContainersDeleted ?? [], pruned.SpaceReclaimed);
}

export async function pruneNetworks(
  engine: EngineClient,
  filters: FilterValues,
): Promise<PruneReport> {
  const pruned = await engine.postJson<NetworkPruneResponse>("/networks/prune", {
    query: { filters },
  });
  return report("Deleted Networks", pruned.NetworksDeleted ?? [], 0);
}

/** @param all Named volumes too. */
export async function pruneVolumes(
  engine: EngineClient,
  filters: FilterValues,
  all: boolean,
): Promise<PruneReport> {
  const pruned = await engine.postJson<VolumePruneResponse>("/volumes/prune", {
    query: { filters: { ...filters, ...(all ? { all: ["true"] } : {}) } },
  });
  return report("Deleted Volumes", pruned.VolumesDeleted ?? [], pruned.SpaceReclaimed);
}

/** @param all Images with a tag too. */
export async function pruneImages(
  engine: EngineClient,
  filters: FilterValues,
  all: boolean,
): Promise<PruneReport> {
  const pruned = await engine.postJson<ImagePruneResponse>("/images/prune", {
    query: { filters: { ...filters, dangling: [String(!all)] } },
  });
  const lines = (pruned.ImagesDeleted ?? []).map((item) =>
    item.Untagged ? `untagged: ${item.Untagged}` : `deleted: ${item.Deleted ?? ""}`,
  );
  return report("Deleted Images", lines, pruned.SpaceReclaimed);
}

export async function pruneBuildCache(
  engine: EngineClient,
  filters: FilterValues,
  all: boolean,
  limits: { readonly keepBytes?: number } = {},
): Promise<PruneReport> {
  const keep = limits.keepBytes ? String(limits.keepBytes) : undefined;
  const pruned = await engine.postJson<BuildPruneResponse>("/build/prune", {
    query: { all: all ? "1" : undefined, filters, "keep-storage": keep },
  });
  return report("Deleted build cache objects", pruned.CachesDeleted ?? [], pruned.SpaceReclaimed);
}
