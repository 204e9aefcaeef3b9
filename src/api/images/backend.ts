import type { Images, RemovedImage } from "#images/images.ts";
import type { Digest } from "#spec/digest.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** What the image endpoints need of the engine. */
export type ImagesBackend = Pick<
  Images,
  "resolve" | "list" | "history" | "load" | "import" | "save" | "tag" | "sizes" | "contentBytes"
> & {
  /** As `Images.remove`, with the containers that hold images taken into account. */
  remove(
    reference: string,
    options: { readonly force: boolean; readonly pruneParents: boolean },
  ): Promise<readonly RemovedImage[]>;
  prune(request: {
    readonly filters: Filters;
  }): Promise<{ readonly removed: readonly RemovedImage[]; readonly reclaimedBytes: number }>;
  /** Ids of the containers that were made from each image, running or not. */
  containersByImage(): Promise<ReadonlyMap<Digest, readonly string[]>>;
  /** The storage driver's folders of the image's topmost layer. */
  graphDriver(reference: string): {
    readonly name: string;
    readonly data: Readonly<Record<string, string>>;
  };
};
