import { NotFoundError } from "#base/errors.ts";
import type { ImageProgress, ImageRecord, PullRequest } from "#images/images.ts";
import type { Lease, Leases } from "#images/leases.ts";
import { variantsOf } from "#images/variants.ts";
import { RegistryAnswerError } from "#registry-client/errors.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { Digest } from "#spec/digest.ts";
import type { ImageConfig } from "#spec/oci-image.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import { familiarName, familiarReference, type ImageReference } from "#spec/reference.ts";
import { fetchAttached } from "./fetch-attached.ts";
import { fetchImage, type FetchImageOptions } from "./fetch-image.ts";
import {
  explainManifestError,
  resolveManifest,
  type ResolvedManifest,
} from "./resolve-manifest.ts";

export interface PullOptions extends FetchImageOptions {
  readonly registries: Pick<RegistryClient, "repository">;
  readonly leases: Leases;
  readonly platform: Platform;
}

type OnProgress = (progress: ImageProgress) => void;

/**
 * Pulls an image, or all of a repository.
 *
 * @param onPulled Told of each image with the reference that it was pulled by.
 * @see Images.pull
 */
export async function pullImages(
  options: PullOptions,
  request: PullRequest,
  onProgress: OnProgress,
  onPulled: (image: ImageRecord, reference: ImageReference) => void,
  signal: AbortSignal,
): Promise<void> {
  const { reference, credentials } = request;
  const { domain, path } = reference;
  const repository = await options.registries.repository({ domain, path }, credentials, "pull");
  let isNewer = false;
  for (const one of await referencesToPull(repository, reference, signal)) {
    const pull = new Pull(options, { ...request, reference: one }, repository, onProgress, signal);
    const pulled = await pull.run();
    onPulled(pulled.image, one);
    isNewer ||= pulled.isNewer;
  }
  const outcome = isNewer ? "Downloaded newer image for" : "Image is up to date for";
  onProgress({ status: `Status: ${outcome} ${familiarReference(reference)}` });
}

async function referencesToPull(
  repository: Repository,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<readonly ImageReference[]> {
  const { domain, path, tag, digest } = reference;
  if (digest !== undefined) return [{ domain, path, digest }];
  if (tag !== undefined) return [reference];
  try {
    const tags = await repository.tags(signal);
    return tags.map((one) => ({ domain, path, tag: one }));
  } catch (error) {
    if (error instanceof RegistryAnswerError && error.kind === "not-found") {
      throw new NotFoundError(`repository ${familiarName(reference)} not found: ${error.message}`, {
        cause: error,
      });
    }
    throw explainManifestError(error, reference);
  }
}

/** One image on its way in. */
class Pull {
  readonly #options: PullOptions;
  readonly #request: PullRequest;
  readonly #repository: Repository;
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;

  constructor(
    options: PullOptions,
    request: PullRequest,
    repository: Repository,
    onProgress: OnProgress,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#request = request;
    this.#repository = repository;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  async run(): Promise<{ readonly image: ImageRecord; readonly isNewer: boolean }> {
    const { reference } = this.#request;
    const platform = this.#request.platform ?? this.#options.platform;
    const known = await this.#nameUpToDate();
    if (known) return { image: known, isNewer: false };
    const resolved = await resolveManifest(this.#repository, reference, platform, this.#signal);
    this.#begin();
    const { digest } = (resolved.index ?? resolved.document).descriptor;
    const { records, leases } = this.#options;
    using lease = leases.open();
    const before = this.#currentImage()?.id;
    const added = await this.#fetch(resolved, lease);
    const image = this.#name(records.resolve(added.id), digest);
    return { image, isNewer: before !== image.id };
  }

  #begin(): void {
    const { path, tag, digest } = this.#request.reference;
    this.#onProgress({ status: `Pulling from ${path}`, id: tag ?? digest ?? "" });
  }

  #currentImage(): ImageRecord | undefined {
    return this.#options.records.tryResolve(familiarReference(this.#request.reference));
  }

  /** The image that the tag has here, where the registry says that it is still that one. */
  async #nameUpToDate(): Promise<ImageRecord | undefined> {
    using lease = this.#options.leases.open();
    const { reference, platform } = this.#request;
    const current = this.#currentImage();
    const wanted = platform ?? this.#options.platform;
    const variants = current ? variantsOf(this.#options.records, current) : [];
    const image = variants.find((one) => fits(one.config, wanted));
    if (!image) return undefined;
    lease.addImage(image.id); // the registry's answer takes its time
    const own = [image.index, image.manifest].flatMap((descriptor) => descriptor?.digest ?? []);
    let digest = reference.digest;
    if (digest === undefined) {
      digest = await this.#digestOfTag(reference.tag ?? "latest");
    }
    if (digest === undefined || !own.includes(digest)) return undefined;
    this.#begin();
    return this.#name(image, digest);
  }

  /** A refusal says nothing here: the answer to a HEAD has no body, that to the GET behind it has. */
  async #digestOfTag(tag: string): Promise<Digest | undefined> {
    try {
      return (await this.#repository.headManifest(tag, this.#signal))?.digest;
    } catch (error) {
      if (error instanceof RegistryAnswerError) return undefined;
      throw error;
    }
  }

  /** Gives the image the names that it was pulled by. */
  #name(image: ImageRecord, digest: Digest): ImageRecord {
    const { records, nowMs } = this.#options;
    const { reference } = this.#request;
    const name = familiarName(reference);
    records.transaction(() => {
      records.assignDigest(image.id, `${name}@${digest}`);
      if (reference.tag !== undefined)
        records.assignTag(image.id, familiarReference(reference), nowMs());
    });
    this.#onProgress({ status: `Digest: ${digest}` });
    return records.resolve(image.id);
  }

  async #fetch(resolved: ResolvedManifest, lease: Lease): Promise<ImageRecord> {
    const { index, innerIndexes = [], document } = resolved;
    const nearest = innerIndexes.at(-1) ?? index;
    const parts = { repository: this.#repository, content: this.#options.content, lease };
    return await fetchImage(
      this.#options,
      {
        resolved,
        source: this.#repository,
        fetchAttached: async () =>
          nearest
            ? await fetchAttached(parts, nearest, document.descriptor.digest, this.#signal)
            : [],
        onConfig: (config) => this.#warnOfPlatform(config),
        onProgress: this.#onProgress,
      },
      lease,
      this.#signal,
    );
  }

  #warnOfPlatform(config: ImageConfig): void {
    const { platform, reference } = this.#request;
    if (!platform || fits(config, platform)) return;
    this.#onProgress({
      status:
        `WARNING: image with reference ${familiarReference(reference)} was found but its platform ` +
        `(${formatPlatform(config.platform)}) does not match the specified platform (${formatPlatform(platform)})`,
    });
  }
}

function fits(config: ImageConfig, platform: Platform): boolean {
  return selectPlatform(platform, [config.platform]) >= 0;
}
