import { NotFoundError } from "#base/errors.ts";
import { beginStage, type StageState } from "#builder/graph/stage-state.ts";
import type { ImageRecord, Images } from "#images/images.ts";
import { ANONYMOUS, type RegistryCredentials } from "#registry-client/auth/credentials.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import { parseImageName, withDefaultTag } from "#spec/reference.ts";

/** Who the client is to a registry. */
export interface CredentialSource {
  /** @param domain `docker.io`, `localhost:5000`. */
  get(domain: string, signal: AbortSignal): Promise<RegistryCredentials>;
}

export interface ImageWish {
  readonly reference: string;
  readonly platform: Platform;
  /** The engine's own: a name that stands for several platforms stays with the image for it. */
  readonly host: Platform;
  /** Ask the registry also where the engine has it. */
  readonly pulls: boolean;
  readonly credentials?: CredentialSource;
  /** Told of the layers as they come. */
  readonly onProgress: (id: string, currentBytes: number, totalBytes: number | undefined) => void;
}

/**
 * The image of that name for a platform: this engine's, or else its registry's.
 *
 * @throws {NotFoundError} There is none.
 */
export async function findImage(
  images: Pick<Images, "pull" | "resolve" | "tag">,
  wish: ImageWish,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const name = parseImageName(wish.reference);
  const here = wish.pulls && name.kind !== "id" ? undefined : findImageHere(images, wish);
  if (here) return here;
  if (name.kind === "id") return images.resolve(wish.reference);
  const { reference } = name;
  const credentials = (await wish.credentials?.get(reference.domain, signal)) ?? ANONYMOUS;
  await images.pull(
    { reference: withDefaultTag(reference), platform: wish.platform, credentials },
    ({ id, progress }) => {
      if (id !== undefined && progress?.currentBytes !== undefined) {
        wish.onProgress(id, progress.currentBytes, progress.totalBytes);
      }
    },
    signal,
  );
  const pulled = findImageHere(images, wish);
  if (pulled) {
    keepName(images, wish);
    return pulled;
  }
  const other = images.resolve(wish.reference);
  throw new NotFoundError(
    `image ${wish.reference} is for ${formatPlatform(other.config.platform)}, not for ${formatPlatform(wish.platform)}`,
  );
}

/** The image of that name for a platform where the engine has it. */
export function findImageHere(
  images: Pick<Images, "resolve">,
  wish: Pick<ImageWish, "reference" | "platform">,
): ImageRecord | undefined {
  try {
    const found = images.resolve(wish.reference);
    // an imported image may not say what it is for
    const isUnsaid = found.config.platform.architecture === "";
    return isUnsaid ? found : images.resolve(wish.reference, wish.platform);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** What was pulled for another platform has taken the name: it goes back to the image for this host, where that is here. */
function keepName(images: Pick<Images, "resolve" | "tag">, { reference, host }: ImageWish): void {
  const named = images.resolve(reference);
  if (selectPlatform(host, [named.config.platform]) >= 0) return;
  try {
    const own = images.resolve(reference, host);
    for (const tag of named.tags) images.tag(own.id, tag);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** What a build takes of an image. */
export type BaseImage = Pick<ImageRecord, "id" | "config" | "diffIds" | "layers">;

/** What a stage made from an image begins with. */
export function stateOfImage(image: BaseImage, platform: Platform): StageState {
  const { config } = image;
  return beginStage({
    config: config.config,
    author: config.author,
    platform: config.platform.architecture === "" ? platform : config.platform,
    osFeatures: config.osFeatures,
    history: config.history,
  });
}
