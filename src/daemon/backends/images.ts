import type { imageRoutes } from "#api/images/routes.ts";
import type { OpenContainers } from "#containers/open.ts";
import type { Images, ImageUser } from "#images/images.ts";
import { inspectDistribution } from "#registry-client/inspect.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Platform } from "#spec/platform.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { Digest } from "#spec/digest.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";

/** Who keeps which image from being removed. */
export async function imageUsers(containers: OpenContainers): Promise<readonly ImageUser[]> {
  const all = await containers.list({ all: true, withSizes: false, filters: NO_FILTERS });
  return all.flatMap(({ record }) => {
    const isRunning = record.state.status === "running" || record.state.status === "restarting";
    const mounted = record.mounts.flatMap(({ imageId }) =>
      imageId === undefined ? [] : [imageId],
    );
    return [...new Set([record.imageId, ...mounted])].map((imageId) => ({
      containerId: record.id,
      imageId,
      isRunning,
    }));
  });
}

/** What the image routes need, of images, containers and layers. */
export function imagesBackend(
  images: Images,
  containers: OpenContainers,
  snapshotter: Snapshotter,
  registries: RegistryClient,
  platform: Platform,
): Omit<Parameters<typeof imageRoutes>[0], "prune"> {
  return {
    resolve: (reference, wanted) => images.resolve(reference, wanted),
    variants: (image) => images.variants(image),
    manifests: (image) => images.manifests(image),
    attestations: (image) => images.attestations(image),
    readAttestation: (attestation) => images.readAttestation(attestation),
    list: (request) => images.list(request),
    history: (reference, wanted) => images.history(reference, wanted),
    load: (request, onProgress, signal) => images.load(request, onProgress, signal),
    import: (request, signal) => images.import(request, signal),
    save: (request, signal) => images.save(request, signal),
    registries: {
      platform,
      pull: (request, onProgress, signal) => images.pull(request, onProgress, signal),
      push: (request, onProgress, signal) => images.push(request, onProgress, signal),
      logIn: (domain, credentials, signal) => registries.logIn(domain, credentials, signal),
      search: (domain, request, credentials, signal) =>
        registries.search(domain, request, credentials, signal),
      inspectDistribution: async (reference, credentials, signal) =>
        await inspectDistribution(
          await registries.repository(reference, credentials, "pull"),
          reference.digest ?? reference.tag ?? "latest",
          signal,
        ),
    },
    tag: (reference, target) => images.tag(reference, target),
    remove: async (reference, options) =>
      await images.remove(reference, options, await imageUsers(containers)),
    sizes: () => images.sizes(),
    containersByImage: async () => {
      const found = new Map<Digest, string[]>();
      for (const { imageId, containerId } of await imageUsers(containers)) {
        const ids = found.get(imageId) ?? [];
        ids.push(containerId);
        found.set(imageId, ids);
      }
      return found;
    },
    graphDriver: (image) => {
      const chainId = images.topChainId(image);
      return {
        name: snapshotter.driver,
        data: chainId === undefined ? {} : snapshotter.graphData(chainId),
      };
    },
  };
}
