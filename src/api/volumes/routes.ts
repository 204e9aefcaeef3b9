import type { Volume } from "@docker/node-sdk";
import { UnavailableError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type Filters, filterValues, parseFilters } from "#spec/engine-api/filters.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import type { VolumeDetails } from "#volumes/volumes.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson, sendStatus } from "#api/exchange.ts";
import { NO_MANAGER } from "#api/not-yet.ts";
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

export function volumeToWire({ volume, status }: VolumeDetails): Wire<Volume> {
  const labels = volume.isAnonymous ? { [ANONYMOUS_LABEL]: "", ...volume.labels } : volume.labels;
  return {
    CreatedAt: new Date(volume.createdMs).toISOString().replace(/\.\d+Z$/, "Z"),
    Driver: volume.driver,
    Labels: nullIfEmpty(labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: nullIfEmpty(volume.options),
    Scope: volume.scope ?? "local",
    ...(status ? { Status: status } : {}),
  };
}

async function createVolume(exchange: Exchange, volumes: VolumesBackend): Promise<void> {
  const reader = JsonReader.of(await readRequiredJsonBody(exchange.request), {
    prefix: "invalid JSON: ",
    goType: "volume.CreateOptions",
  });
  if (reader.has("ClusterVolumeSpec")) throw new UnavailableError(NO_MANAGER);
  const name = reader.string("Name");
  const driver = reader.string("Driver");
  const options = reader.stringMap("DriverOpts");
  const labels = reader.stringMap("Labels");
  const { volume } = await volumes.create(
    {
      ...(name ? { name } : {}),
      ...(driver ? { driver } : {}),
      ...(options && { options }),
      ...(labels && { labels }),
    },
    exchange.signal,
  );
  sendJson(exchange, 201, volumeToWire({ volume }));
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
    answer("GET", "/volumes", async (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), LIST_FILTERS);
      const found = await volumes.listAll(filters, exchange.signal);
      sendJson(exchange, 200, {
        Volumes: found.volumes.map((volume) => volumeToWire({ volume })),
        Warnings: found.warnings.length === 0 ? null : found.warnings,
      });
    }),
    answer("GET", "/volumes/{name:.*}", async (exchange) => {
      const details = await volumes.inspect(pathPart(exchange, "name"), exchange.signal);
      sendJson(exchange, 200, volumeToWire(details));
    }),
    answer("PUT", "/volumes/{name:.*}", () => {
      throw new UnavailableError(
        "volume update only valid for cluster volumes, but swarm is unavailable",
      );
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
