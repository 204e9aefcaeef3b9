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
      // three names of one limit, the last two since 1.48
      const keepBytes =
        query.integer("keep-storage") ??
        query.integer("reserved-space") ??
        query.integer("max-used-space") ??
        0;
      const pruned = await backend.prune({
        all: query.boolean("all"),
        filters: parseFilters(query.get("filters"), PRUNE_FILTERS),
        ...(keepBytes > 0 ? { keepBytes } : {}),
      });
      sendJson(exchange, 200, {
        CachesDeleted: pruned.ids.length === 0 ? null : pruned.ids,
        SpaceReclaimed: pruned.reclaimedBytes,
      });
    }),
  ];
}
