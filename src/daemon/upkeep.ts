import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { ImageGcBackend } from "#api/images/gc.ts";
import type { BuildCacheBackend } from "#api/build-cache/backend.ts";
import type { SystemBackend } from "#api/system/backend.ts";
import type { VolumesBackend } from "#api/volumes/backend.ts";
import { ConflictError, FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { Fault } from "#base/fault.ts";
import type { Containers } from "#containers/containers.ts";
import type { ContentStore } from "#content/content.ts";
import type { EngineEvent, Events } from "#events/events.ts";
import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import type { Images, ImageUser } from "#images/images.ts";
import type { Networks } from "#networks/networks.ts";
import type { Runtime } from "#runtime/runtime.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import { parseUntilFilter } from "#spec/engine-api/until-filter.ts";
import type { BuildCache } from "#upkeep/build-cache.ts";
import { type CheckSources, runCheck } from "#upkeep/check/check.ts";
import { auditDataRoot } from "#upkeep/check/data-root.ts";
import { auditBlobContents } from "#upkeep/check/deep-blobs.ts";
import { auditProcesses } from "#upkeep/check/processes.ts";
import { auditVolumes } from "#upkeep/check/volumes.ts";
import { readDiskUsage } from "#upkeep/disk-usage.ts";
import {
  collectImages,
  type CollectionSources,
  previewCollection,
} from "#upkeep/image-collection/collect.ts";
import type { CollectionPolicy } from "#upkeep/image-collection/plan.ts";
import { parsePolicy, type PolicyTexts } from "#upkeep/image-collection/policy.ts";
import { PruneGate } from "#upkeep/prune-gate.ts";
import { previewPrune } from "#upkeep/prune-preview.ts";
import { readStorageUsage, type StorageSources } from "#upkeep/storage.ts";
import type { Store } from "#store/store.ts";
import type { Volumes } from "#volumes/volumes.ts";
import type { ImageGcConfig } from "./config/image-gc.ts";
import type { Logger } from "./logger.ts";

export interface UpkeepParts {
  readonly dataRoot: string;
  readonly files: Files;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly containers: Containers;
  readonly events: Pick<Events, "publish">;
  readonly networks: Pick<Networks, "audit" | "auditOthers">;
  readonly store: Pick<Store, "verify">;
  readonly mounts: Mounts;
  readonly processes: Processes;
  readonly runtime: Runtime;
  /** Folder of the runtime's state. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly buildCache: BuildCache;
  readonly imageUsers: () => Promise<readonly ImageUser[]>;
  /** Of the running configuration; undefined without one. */
  readonly imageGcPolicy: () => CollectionPolicy | undefined;
}

/** What the engine as a whole answers: disk usage, and prunes, one of a kind at a time. */
export interface Upkeep {
  readonly system: Pick<SystemBackend, "diskUsage" | "storageUsage" | "previewPrune" | "check">;
  readonly volumes: VolumesBackend;
  readonly buildCache: BuildCacheBackend;
  pruneImages(
    request: { readonly filters: Filters },
    users: readonly ImageUser[],
  ): ReturnType<Images["prune"]>;
  pruneNetworks(filters: Filters): Promise<readonly string[]>;
  readonly imageGc: ImageGcBackend;
  /** Removes images by the configured policy, again and again until disposed of. */
  startImageGc(config: ImageGcConfig, log: Pick<Logger, "info" | "warn">): AsyncDisposable;
}

function databaseFault(text: string): Fault {
  return {
    kind: "database",
    subject: text,
    explanation: "The database of records is damaged: stop the engine and restore wharf.db",
  };
}

/** Does `work`, which fails by no error, every so often. Disposing waits for the round under way. */
function repeat(
  clock: Pick<Clock, "delay">,
  everyMs: number,
  work: () => Promise<void>,
): AsyncDisposable {
  const stopped = new AbortController();
  const rounds = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.delay(everyMs, stopped.signal).then(work, () => undefined); // rejects when stopped
    }
  };
  const running = rounds();
  return {
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await running;
    },
  };
}

export function openUpkeep(parts: UpkeepParts): Upkeep {
  const { images, containers, volumes, events } = parts;
  const { buildCache } = parts;
  const sources = parts;
  const gates = { image: new PruneGate(), volume: new PruneGate(), network: new PruneGate() };
  const storage: StorageSources = {
    ...parts,
    isBlobNamed: (digest) => images.isBlobNamed(digest),
    containerIds: () => containers.allRecords().map(({ id }) => id),
    volumeNames: () => volumes.list(NO_FILTERS).map(({ name }) => name),
  };
  const containerIds = (): ReadonlySet<string> =>
    new Set(containers.allRecords().map(({ id }) => id));
  const checks: CheckSources = {
    audits: [
      () => parts.store.verify().map(databaseFault),
      () => containers.audit(),
      () => images.audit(),
      () => parts.networks.audit(),
      () => auditVolumes({ ...parts, directory: join(parts.dataRoot, "volumes"), containerIds }),
      () => auditDataRoot({ ...storage, mounts: parts.mounts }),
      () => auditProcesses(parts),
    ],
    deepAudits: [
      (signal) => auditBlobContents(parts.content, signal),
      () => parts.networks.auditOthers(),
    ],
    clock: parts.clock,
  };
  const publishPrune = (type: EngineEvent["type"], reclaimedBytes: number): void => {
    const attributes = { reclaimed: String(reclaimedBytes) };
    events.publish({ type, action: "prune", actorId: "", attributes });
  };
  const collection: CollectionSources = {
    images,
    imageUsers: parts.imageUsers,
    layerBytes: (chainId) => parts.snapshotter.stat(chainId)?.sizeBytes ?? 0,
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(parts.dataRoot);
      return bavail * bsize;
    },
    nowMs: () => parts.clock.nowMs(),
  };
  const policyOf = (texts: PolicyTexts | undefined): CollectionPolicy => {
    const policy = texts ? parsePolicy(texts) : parts.imageGcPolicy();
    if (policy) return policy;
    throw new FailedPreconditionError(
      "No policy says which images may go: give one, or set image-gc in daemon.json",
    );
  };
  return {
    system: {
      diskUsage: (kinds) => readDiskUsage(sources, kinds),
      storageUsage: () => readStorageUsage(storage),
      previewPrune: (request) => previewPrune(sources, request),
      check: (request, signal) => runCheck(checks, request, signal),
    },
    volumes: {
      create: (request, signal) => volumes.create(request, signal),
      inspect: (name, signal) => volumes.inspect(name, signal),
      listAll: (filters, signal) => volumes.listAll(filters, signal),
      remove: (name, options) => volumes.remove(name, options),
      prune: (filters) =>
        gates.volume.run(async () => {
          const pruned = await volumes.prune(filters);
          publishPrune("volume", pruned.reclaimedBytes);
          return pruned;
        }),
    },
    buildCache: {
      prune: async (request) => {
        parseUntilFilter(request.filters, parts.clock.nowNanos());
        const pruned = await buildCache.prune(request);
        publishPrune("builder", pruned.reclaimedBytes);
        return pruned;
      },
    },
    pruneImages: (request, users) => gates.image.run(() => images.prune(request, users)),
    imageGc: {
      preview: (texts) => previewCollection(collection, policyOf(texts)),
      run: (texts) => gates.image.run(() => collectImages(collection, policyOf(texts))),
    },
    startImageGc: ({ policy, everyMs }, log) =>
      repeat(parts.clock, everyMs, async () => {
        try {
          const collect = () => collectImages(collection, policy);
          const { removals, freedBytes } = await gates.image.run(collect);
          if (removals.length === 0) return;
          const images = removals.map(({ image }) => image.tags[0] ?? image.id).join(", ");
          log.info("Images removed by image-gc", { images, freedBytes });
        } catch (error) {
          if (error instanceof ConflictError) return; // a user prunes: the next round looks again
          log.warn("Images could not be removed by image-gc", { error: messageOf(error) });
        }
      }),
    pruneNetworks: (filters) =>
      gates.network.run(async () => {
        const names = await containers.pruneNetworks(filters);
        publishPrune("network", 0);
        return names;
      }),
  };
}
