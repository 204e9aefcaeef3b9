import { ConflictError } from "#base/errors.ts";
import type { Digest } from "#spec/digest.ts";
import type { Platform } from "#spec/platform.ts";
import { shortId } from "#spec/ids.ts";
import {
  familiarReference,
  parseImageReference,
  repositoryName,
  withDefaultTag,
} from "#spec/reference.ts";
import type { ImageRecord, ImageUser, RemovedImage } from "./images.ts";
import type { ImageRecords } from "./records.ts";
import { chooseVariant, isNamed, variantsOf } from "./variants.ts";

/** What stands between an image and its removal; a hard one cannot be forced. */
interface Obstacle {
  readonly isHard: boolean;
  readonly isUse: boolean;
  readonly reason: string;
}

export interface RemoveRequest {
  /** As the user typed it. */
  readonly reference: string;
  readonly force: boolean;
  readonly pruneParents: boolean;
  /** Only these variants of it; all of it where absent or empty. */
  readonly platforms?: readonly Platform[];
}

export interface RemoveContext {
  readonly records: ImageRecords;
  readonly users: readonly ImageUser[];
  /** Whether an operation under way keeps the image. */
  readonly isHeld: (id: Digest) => boolean;
}

export interface Removal {
  /** What was untagged and which records went, in order. */
  readonly removed: readonly RemovedImage[];
  /** Images that lost a reference or their record, for the events. */
  readonly events: readonly { readonly action: "untag" | "delete"; readonly image: ImageRecord }[];
}

/**
 * Takes references and records away by the rules of Docker's `rmi`, all in one stretch; layers and blobs
 * are for a sweep afterwards.
 *
 * @throws {ConflictError} Something uses it, with Docker's texts.
 */
export function removeImage(context: RemoveContext, request: RemoveRequest): Removal {
  return context.records.transaction(() => new ImageRemover(context).remove(request));
}

class ImageRemover {
  readonly #context: RemoveContext;
  readonly #removed: RemovedImage[] = [];
  readonly #events: { readonly action: "untag" | "delete"; readonly image: ImageRecord }[] = [];

  constructor(context: RemoveContext) {
    this.#context = context;
  }

  remove(request: RemoveRequest): Removal {
    const { platforms = [] } = request;
    const image = this.#context.records.resolve(request.reference);
    const outcome = { removed: this.#removed, events: this.#events };
    if (platforms.length > 0 && this.#removeVariants(image, request, platforms)) return outcome;
    if (isIdPrefix(image.id, request.reference)) {
      if (isSingleReference(referencesOf(image))) {
        this.#refuse(
          image,
          this.#obstacle(image, { force: request.force, mayHaveReference: true }),
        );
        for (const reference of referencesOf(image)) this.#untag(image, reference);
      }
      this.#delete(image.id, request.force, request.pruneParents, false);
      if (isNamed(image)) this.#deleteParts(image);
      return outcome;
    }
    this.#checkLastReference(image, request);
    this.#untagNamed(image, request.reference);
    const left = this.#context.records.get(image.id);
    if (left && referencesOf(left).length === 0) {
      this.#delete(image.id, request.force, request.pruneParents, true);
      if (!this.#context.records.get(image.id)) this.#deleteParts(image);
    }
    return outcome;
  }

  /** @returns Whether something is left of the image; if not, it is to be removed as a whole. */
  #removeVariants(
    image: ImageRecord,
    { reference, force }: RemoveRequest,
    platforms: readonly Platform[],
  ): boolean {
    const { records } = this.#context;
    const chosen = new Set(
      platforms.map((one) => chooseVariant(records, image, reference, one).id),
    );
    const left = variantsOf(records, image).find((one) => !chosen.has(one.id));
    if (!left) return false;
    for (const id of chosen) {
      const variant = records.get(id);
      if (!variant) continue;
      const mayHaveReference = id === image.id;
      this.#refuse(variant, this.#obstacle(variant, { force, mayHaveReference }));
    }
    const heir = chosen.has(image.id) ? left : image;
    const { tags, repoDigests } = image;
    for (const id of chosen) {
      const variant = records.get(id);
      if (variant && id !== image.id) {
        for (const name of referencesOf(variant)) this.#untag(variant, name);
      }
      records.delete(id);
      this.#removed.push({ deleted: id });
      if (variant) this.#events.push({ action: "delete", image: variant });
    }
    const kept = records.get(heir.id);
    if (kept && heir.id !== image.id) {
      records.put({
        ...kept,
        tags: [...kept.tags, ...tags].toSorted(),
        repoDigests: [...new Set([...kept.repoDigests, ...repoDigests])].toSorted(),
      });
    }
    return true;
  }

  /** A container must not be left with an image that has no name any more. */
  #checkLastReference(image: ImageRecord, request: RemoveRequest): void {
    if (request.force || !isSingleReference(referencesOf(image))) return;
    const user = this.#context.users.find((one) => one.imageId === image.id);
    if (!user) return;
    throw new ConflictError(
      `conflict: unable to remove repository reference ${JSON.stringify(request.reference)} ` +
        `(must force) - container ${shortId(user.containerId)} is using its referenced image ` +
        shortId(image.id),
    );
  }

  #untagNamed(image: ImageRecord, text: string): void {
    const named = withDefaultTag(parseImageReference(text));
    const { tag: _, ...untagged } = named;
    const reference = familiarReference(named.digest === undefined ? named : untagged);
    this.#untag(image, reference);
    if (named.digest !== undefined) return;
    // digests of a repository go with its last tag
    const repository = repositoryName(named);
    const isSame = (other: string): boolean =>
      repositoryName(parseImageReference(other)) === repository;
    const left = this.#context.records.get(image.id);
    if (!left || left.tags.some(isSame)) return;
    for (const digest of left.repoDigests.filter(isSame)) this.#untag(image, digest);
  }

  /** Variants without a name go with the last that has one; what a container uses stays. */
  #deleteParts(image: ImageRecord): void {
    const { records } = this.#context;
    const parts = variantsOf(records, image).filter((one) => one.id !== image.id);
    if (parts.some(isNamed)) return;
    for (const { id } of parts) this.#delete(id, false, true, true);
  }

  #untag(image: ImageRecord, reference: string): void {
    this.#context.records.dropReference(image.id, reference);
    this.#removed.push({ untagged: reference });
    this.#events.push({ action: "untag", image });
  }

  /** @param isQuiet Whether a conflict ends it silently: the reference that was asked for is gone. */
  #delete(id: Digest, force: boolean, pruneParents: boolean, isQuiet: boolean): void {
    const image = this.#context.records.get(id);
    if (!image) return;
    const obstacle = this.#obstacle(image, { force, mayHaveReference: false });
    if (obstacle) {
      const isDangling =
        referencesOf(image).length === 0 && this.#context.records.childrenOf(id).length === 0;
      if (isQuiet && (!isDangling || obstacle.isUse)) return;
      this.#refuse(image, obstacle);
    }
    for (const reference of referencesOf(image)) this.#untag(image, reference);
    this.#context.records.delete(id);
    this.#removed.push({ deleted: id });
    this.#events.push({ action: "delete", image });
    if (pruneParents && image.parentId !== undefined)
      this.#delete(image.parentId, false, true, true);
  }

  #obstacle(
    image: ImageRecord,
    options: { readonly force: boolean; readonly mayHaveReference: boolean },
  ): Obstacle | undefined {
    const { records, users, isHeld } = this.#context;
    const own = users.filter((user) => user.imageId === image.id);
    if (records.childrenOf(image.id).length > 0) {
      return { isHard: true, isUse: false, reason: "image has dependent child images" };
    }
    const running = own.find((user) => user.isRunning);
    if (running) {
      const reason = `image is being used by running container ${shortId(running.containerId)}`;
      return { isHard: true, isUse: true, reason };
    }
    if (isHeld(image.id)) {
      const reason = "image is being used by an operation under way";
      return { isHard: true, isUse: true, reason };
    }
    if (options.force) return undefined;
    if (!options.mayHaveReference && referencesOf(image).length > 0) {
      const reason = "image is referenced in multiple repositories";
      return { isHard: false, isUse: false, reason };
    }
    const [stopped] = own;
    if (!stopped) return undefined;
    const reason = `image is being used by stopped container ${shortId(stopped.containerId)}`;
    return { isHard: false, isUse: true, reason };
  }

  #refuse(image: ImageRecord, obstacle: Obstacle | undefined): void {
    if (!obstacle) return;
    const force = obstacle.isHard ? "cannot be forced" : "must be forced";
    throw new ConflictError(
      `conflict: unable to delete ${shortId(image.id)} (${force}) - ${obstacle.reason}`,
    );
  }
}

function referencesOf(image: ImageRecord): readonly string[] {
  return [...image.tags, ...image.repoDigests];
}

function isIdPrefix(id: Digest, text: string): boolean {
  return id.startsWith(text) || id.slice(id.indexOf(":") + 1).startsWith(text);
}

/** One reference, or a tag with the digests of its own repository. */
function isSingleReference(references: readonly string[]): boolean {
  if (references.length <= 1) return true;
  const parsed = references.map(parseImageReference);
  const tags = parsed.filter((reference) => reference.digest === undefined);
  const digests = parsed.filter((reference) => reference.digest !== undefined);
  if (tags.length > 1) return false;
  const repositories = new Set(digests.map(repositoryName));
  const main = tags[0] ?? digests[0];
  return repositories.size === 1 && main !== undefined && repositories.has(repositoryName(main));
}
