import type { ImageRecord, Images, RemovedImage } from "#images/images.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { DistributionInspect } from "#registry-client/inspect.ts";
import type { SearchRequest, SearchResult } from "#registry-client/search.ts";
import type { Platform } from "#spec/platform.ts";
import type { ImageReference } from "#spec/reference.ts";
import type { Digest } from "#spec/digest.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** What the endpoints that ask registries need of the engine. */
export type RegistriesBackend = Pick<Images, "pull" | "push"> & {
  /** The host's, which fills in what a request leaves out. */
  readonly platform: Platform;
  /** @see RegistryClient.logIn */
  logIn(
    domain: string,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  inspectDistribution(
    reference: ImageReference,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<DistributionInspect>;
  /** @see RegistryClient.search */
  search(
    domain: string,
    request: SearchRequest,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<readonly SearchResult[]>;
};

/** What the image endpoints need of the engine. */
export type ImagesBackend = Pick<
  Images,
  | "resolve"
  | "variants"
  | "manifests"
  | "attestations"
  | "readAttestation"
  | "list"
  | "history"
  | "load"
  | "import"
  | "save"
  | "tag"
  | "sizes"
> & {
  readonly registries: RegistriesBackend;
  /** As `Images.remove`, with the containers that hold images taken into account. */
  remove(
    reference: string,
    options: {
      readonly force: boolean;
      readonly pruneParents: boolean;
      readonly platforms: readonly Platform[];
    },
  ): Promise<readonly RemovedImage[]>;
  prune(request: {
    readonly filters: Filters;
  }): Promise<{ readonly removed: readonly RemovedImage[]; readonly reclaimedBytes: number }>;
  /** Ids of the containers that were made from each image, running or not. */
  containersByImage(): Promise<ReadonlyMap<Digest, readonly string[]>>;
  /** The storage driver's folders of the image's topmost layer. */
  graphDriver(image: ImageRecord): {
    readonly name: string;
    readonly data: Readonly<Record<string, string>>;
  };
};
