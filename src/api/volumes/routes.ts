import type { Volume } from "@docker/node-sdk";
import { NotFoundError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type Filters, filterValues, parseFilters } from "#spec/engine-api/filters.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import type { VolumeRecord } from "#volumes/volumes.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson, sendStatus } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { Wire } from "#api/wire.ts";
import type { VolumesBackend } from "./backend.ts";

const LIST_FILTERS = ["dangling", "driver", "label", "name"] as const;
const PRUNE_FILTERS = ["all", "label", "label!"] as const;
/** Docker's mark of a volume without a name, which prune looks for. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

function nullIfEmpty(
  map: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | null {
  return Object.keys(map).length === 0 ? null : map;
}

export function volumeToWire(volume: VolumeRecord): Wire<Volume> {
  const labels = volume.isAnonymous ? { [ANONYMOUS_LABEL]: "", ...volume.labels } : volume.labels;
  return {
    CreatedAt: new Date(volume.createdMs).toISOString().replace(/\.\d+Z$/, "Z"),
    Driver: volume.driver,
    Labels: nullIfEmpty(labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: nullIfEmpty(volume.options),
    Scope: "local",
  };
}

async function createVolume(exchange: Exchange, volumes: VolumesBackend): Promise<void> {
  const reader = JsonReader.of(await readRequiredJsonBody(exchange.request), {
    prefix: "invalid JSON: ",
    goType: "volume.CreateOptions",
  });
  const name = reader.string("Name");
  const driver = reader.string("Driver");
  const options = reader.stringMap("DriverOpts");
  const labels = reader.stringMap("Labels");
  const { volume } = await volumes.create({
    ...(name ? { name } : {}),
    ...(driver ? { driver } : {}),
    ...(options && { options }),
    ...(labels && { labels }),
  });
  sendJson(exchange, 201, volumeToWire(volume));
}

/** Before API 1.42 prune took named volumes too. */
export function pruneFilters(text: string | undefined, version: ApiVersion): Filters {
  const filters = parseFilters(text, PRUNE_FILTERS);
  if (isAtLeast(version, "1.42") || filterValues(filters, "all").length > 0) return filters;
  return new Map([...filters, ["all", ["true"]]]);
}

/** Everything below `/volumes`. */
export function volumeRoutes(volumes: VolumesBackend): readonly Route[] {
  return [
    answer("GET", "/volumes", (exchange) => {
      const found = volumes.list(parseFilters(exchange.query.get("filters"), LIST_FILTERS));
      sendJson(exchange, 200, { Volumes: found.map(volumeToWire), Warnings: null });
    }),
    answer("GET", "/volumes/{name:.*}", (exchange) => {
      const name = pathPart(exchange, "name");
      const volume = volumes.get(name);
      if (!volume) throw new NotFoundError(`get ${name}: no such volume`);
      sendJson(exchange, 200, volumeToWire(volume));
    }),
    answer("POST", "/volumes/create", (exchange) => createVolume(exchange, volumes)),
    answer("DELETE", "/volumes/{name:.*}", async (exchange) => {
      const force = exchange.query.boolean("force");
      await volumes.remove(pathPart(exchange, "name"), { force });
      sendStatus(exchange, 204);
    }),
    answer("POST", "/volumes/prune", async (exchange) => {
      const filters = pruneFilters(exchange.query.get("filters"), exchange.version);
      const pruned = await volumes.prune(filters);
      sendJson(exchange, 200, {
        VolumesDeleted: pruned.names,
        SpaceReclaimed: pruned.reclaimedBytes,
      });
    }),
  ];
}
