import { parseFilters } from "#spec/engine-api/filters.ts";
import { sendJson } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { BuildCacheBackend } from "./backend.ts";

const PRUNE_FILTERS = [
  "until",
  "unused-for",
  "id",
  "parent",
  "type",
  "description",
  "inuse",
  "shared",
  "private",
  "label",
  "label!",
] as const;

/** What there is of the builder: its cache. */
export function buildCacheRoutes(backend: BuildCacheBackend): readonly Route[] {
  return [
    answer("POST", "/build/prune", async (exchange) => {
      const { query } = exchange;
      const limits = {
        // the older name, before API 1.48
        reservedBytes: query.integer("reserved-space") ?? query.integer("keep-storage") ?? 0,
        maxUsedBytes: query.integer("max-used-space") ?? 0,
        minFreeBytes: query.integer("min-free-space") ?? 0,
      };
      const pruned = await backend.prune({
        all: query.boolean("all"),
        filters: parseFilters(query.get("filters"), PRUNE_FILTERS),
        limits,
      });
      sendJson(exchange, 200, {
        CachesDeleted: pruned.ids.length === 0 ? null : pruned.ids,
        SpaceReclaimed: pruned.reclaimedBytes,
      });
    }),
  ];
}
