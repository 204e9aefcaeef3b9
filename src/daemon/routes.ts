import { buildkitRoutes } from "#api/build/buildkit.ts";
import { buildRoutes } from "#api/build/routes.ts";
import { buildCacheRoutes } from "#api/build-cache/routes.ts";
import { containerRoutes } from "#api/containers/routes.ts";
import { imageGcRoutes } from "#api/images/gc.ts";
import { imageRoutes } from "#api/images/routes.ts";
import { imageTransferRoutes } from "#api/images/transfers.ts";
import { networkRoutes } from "#api/networks/routes.ts";
import { notYetRoutes } from "#api/not-yet.ts";
import type { Route } from "#api/router.ts";
import { pluginRoutes } from "#api/plugins/routes.ts";
import { systemRoutes } from "#api/system/routes.ts";
import type { EngineVersion } from "#api/system/backend.ts";
import { volumeRoutes } from "#api/volumes/routes.ts";
import { volumeTransferRoutes } from "#api/volumes/transfers.ts";
import type { Containers } from "#containers/containers.ts";
import type { OpenContainers } from "#containers/open.ts";
import { EVENT_FILTERS, matchesEvent } from "#events/filter.ts";
import type { Events } from "#events/events.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Platform } from "#spec/platform.ts";
import type { Clock } from "#host/clock.ts";
import type { Networks } from "#networks/networks.ts";
import { cloneVolume, exportVolume, importVolume, type TransferParts } from "#volumes/transfers.ts";
import { imagesBackend, imageUsers } from "./backends/images.ts";
import { networksBackend } from "./backends/networks.ts";
import type { Building } from "./building.ts";
import { containerDefaults } from "./config/container-defaults.ts";
import type { EngineConfig } from "./config/engine-config.ts";
import { engineInfo, type FactSources } from "./facts.ts";
import type { Upkeep } from "./upkeep.ts";

export interface RouteParts {
  readonly sources: FactSources;
  readonly version: EngineVersion;
  readonly events: Events;
  readonly clock: Clock;
  readonly upkeep: Upkeep;
  readonly managedPlugins: Parameters<typeof pluginRoutes>[0];
  readonly transfers: TransferParts;
  readonly containers: OpenContainers;
  /** The same, counted for the metrics. */
  readonly measuredContainers: Containers;
  readonly networks: Networks;
  readonly registries: RegistryClient;
  /** The host's. */
  readonly platform: Platform;
  readonly building: Building;
  /** As it was at start. */
  readonly config: EngineConfig;
}

/** All that the API answers, joined to the parts that do it. */
export function engineRoutes(parts: RouteParts): readonly Route[] {
  const { sources, version, events, clock, upkeep, managedPlugins, transfers } = parts;
  const { building, containers, networks, config } = parts;
  const { host, runtime, images, snapshotter } = sources;
  return [
    ...systemRoutes({
      events,
      eventFilters: EVENT_FILTERS,
      matchesEvent,
      version: () => version,
      info: () => engineInfo(sources),
      ...upkeep.system,
      nowNanos: () => clock.nowNanos(),
    }),
    ...containerRoutes({
      containers: parts.measuredContainers,
      defaults: () => containerDefaults(sources.config(), host, runtime.defaultRuntime),
      bridgeName: config.bridge.name,
      isExperimental: config.isExperimental,
      nowMs: () => clock.nowMs(),
    }),
    ...imageRoutes({
      ...imagesBackend(images, containers, snapshotter, parts.registries, parts.platform),
      prune: async (request) => await upkeep.pruneImages(request, await imageUsers(containers)),
    }),
    ...imageTransferRoutes(images),
    ...imageGcRoutes(upkeep.imageGc),
    ...volumeRoutes(upkeep.volumes),
    ...pluginRoutes(managedPlugins),
    ...volumeTransferRoutes({
      export: (name, signal) => exportVolume(transfers, name, signal),
      import: (target, archive, signal) => importVolume(transfers, target, archive, signal),
      clone: (source, target, signal) => cloneVolume(transfers, source, target, signal),
      rename: (name, newName) => containers.renameVolume(name, newName),
    }),
    ...networkRoutes({
      ...networksBackend(networks, containers),
      prune: (filters) => upkeep.pruneNetworks(filters),
    }),
    ...buildCacheRoutes(upkeep.buildCache),
    ...buildRoutes(building.classic, {
      endpoint: building.buildkit.endpoint,
      isExperimental: config.isExperimental,
    }),
    ...buildkitRoutes(building.buildkit, {
      mayReadInPlace: () => sources.authorizationPlugins().length === 0,
    }),
    ...notYetRoutes(),
  ];
}
