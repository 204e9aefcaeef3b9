import type { ImageRecord } from "#images/images.ts";
import type { Digest } from "#spec/digest.ts";
import { familiarName, parseImageReference } from "#spec/reference.ts";

// Which images the engine may remove by itself. An image goes when nobody uses it and a rule takes it:
//
//   age     it came, or got a name, longer ago than `unusedForMs`
//   space   the file system has less than `minFreeBytes` left: oldest first, until it has enough
//   count   it is not among the newest `keepPerRepository` of any repository
//
// `keepPerRepository` protects from the other two as well; by itself it takes what it does not protect.

export interface CollectionPolicy {
  readonly unusedForMs?: number;
  /** Newest images of each repository that stay, whatever else. */
  readonly keepPerRepository?: number;
  readonly minFreeBytes?: number;
}

export interface CollectionFacts {
  readonly images: readonly ImageRecord[];
  /** Images that a container, running or not, was made from or has mounted. */
  readonly usedIds: ReadonlySet<Digest>;
  readonly nowMs: number;
  readonly freeBytes: number;
  /** What removing these images alone would free. */
  readonly freedBytes: (images: readonly ImageRecord[]) => number;
}

export type CollectionReason = "age" | "space" | "count";

export interface PlannedRemoval {
  readonly image: ImageRecord;
  readonly reason: CollectionReason;
  /** Since it came, or last got a name. */
  readonly idleMs: number;
}

/** Images to remove, those that lay longest first. */
export function planCollection(
  facts: CollectionFacts,
  policy: CollectionPolicy,
): readonly PlannedRemoval[] {
  const { unusedForMs, keepPerRepository, minFreeBytes } = policy;
  const kept = keptIds(facts.images, keepPerRepository ?? 0);
  const parents = new Set(facts.images.flatMap(({ parentId }) => parentId ?? []));
  const isFree = ({ id, tags, repoDigests }: ImageRecord): boolean => {
    const isNamed = tags.length > 0 || repoDigests.length > 0;
    // a nameless image below another goes with that one
    return !facts.usedIds.has(id) && !kept.has(id) && (isNamed || !parents.has(id));
  };
  const candidates = facts.images
    .filter(isFree)
    .map((image) => ({ image, idleMs: facts.nowMs - lastTouchedMs(image) }))
    .toSorted((left, right) => right.idleMs - left.idleMs);
  const isCountAlone =
    keepPerRepository !== undefined && unusedForMs === undefined && minFreeBytes === undefined;
  const planned: PlannedRemoval[] = [];
  for (const { image, idleMs } of candidates) {
    const isOld = unusedForMs !== undefined && idleMs > unusedForMs;
    if (isCountAlone || isOld) {
      planned.push({ image, idleMs, reason: isCountAlone ? "count" : "age" });
      continue;
    }
    const freed = facts.freedBytes(planned.map((one) => one.image));
    if (minFreeBytes === undefined || facts.freeBytes + freed >= minFreeBytes) continue;
    planned.push({ image, idleMs, reason: "space" });
  }
  return planned;
}

function lastTouchedMs({ createdLocallyMs, lastTaggedMs = 0 }: ImageRecord): number {
  return Math.max(createdLocallyMs, lastTaggedMs);
}

/** The newest of each repository that has a name here. */
function keptIds(images: readonly ImageRecord[], count: number): ReadonlySet<Digest> {
  const byRepository = new Map<string, ImageRecord[]>();
  for (const image of images) {
    const names = new Set(image.tags.map((tag) => familiarName(parseImageReference(tag))));
    for (const name of names) {
      const known = byRepository.get(name);
      if (known) known.push(image);
      else byRepository.set(name, [image]);
    }
  }
  return new Set(
    [...byRepository.values()].flatMap((ofOne) =>
      ofOne
        .toSorted((left, right) => lastTouchedMs(right) - lastTouchedMs(left))
        .slice(0, count)
        .map(({ id }) => id),
    ),
  );
}
