import { describe, expect, test } from "bun:test";
import type { ImageRecord } from "#images/images.ts";
import { digestOf } from "#spec/digest.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { type CollectionFacts, type CollectionPolicy, planCollection } from "./plan.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = 1_000 * HOUR_MS;

/** An image that came so many hours ago. */
function image(name: string, hoursAgo: number, more: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: digestOf(name),
    config: {
      author: "",
      platform: { os: "linux", architecture: "amd64" },
      osFeatures: [],
      config: EMPTY_EXECUTION_CONFIG,
      diffIds: [],
      history: [],
      comment: "",
      dockerVersion: "",
    },
    diffIds: [],
    layers: [],
    manifest: { mediaType: "", digest: digestOf(`m ${name}`), sizeBytes: 1 },
    tags: [name],
    repoDigests: [],
    sizeBytes: 100,
    createdLocallyMs: NOW_MS - hoursAgo * HOUR_MS,
    ...more,
  };
}

function names(
  images: readonly ImageRecord[],
  policy: CollectionPolicy,
  facts: Partial<CollectionFacts> = {},
): readonly string[] {
  const planned = planCollection(
    {
      images,
      usedIds: new Set(),
      nowMs: NOW_MS,
      freeBytes: 1000,
      freedBytes: (gone) => gone.length * 100,
      ...facts,
    },
    policy,
  );
  return planned.map((one) => `${one.image.tags[0] ?? "none"} ${one.reason}`);
}

describe("planCollection()", () => {
  const images = [image("a:1", 30), image("a:2", 20), image("a:3", 10), image("b:1", 40)];

  test("takes nothing without a rule", () => {
    expect(names(images, {})).toEqual([]);
  });

  test("by age takes what came, or was named, too long ago, oldest first", () => {
    expect(names(images, { unusedForMs: 15 * HOUR_MS })).toEqual(["b:1 age", "a:1 age", "a:2 age"]);
    const named = image("c:1", 50, { lastTaggedMs: NOW_MS - HOUR_MS });
    expect(names([named], { unusedForMs: 15 * HOUR_MS })).toEqual([]);
  });

  test("leaves what a container uses, and what lies below another image", () => {
    const below = image("x", 90, { tags: [] });
    const above = image("y:1", 1, { parentId: below.id });
    const usedIds = new Set([digestOf("a:1")]);
    expect(names([...images, below, above], { unusedForMs: 25 * HOUR_MS }, { usedIds })).toEqual([
      "b:1 age",
    ]);
  });

  test("keeps the newest of each repository from every rule", () => {
    expect(names(images, { keepPerRepository: 1 })).toEqual(["a:1 count", "a:2 count"]);
    expect(names(images, { keepPerRepository: 1, unusedForMs: 25 * HOUR_MS })).toEqual(["a:1 age"]);
    const low = { freeBytes: 0 };
    expect(names(images, { keepPerRepository: 2, minFreeBytes: 900 }, low)).toEqual(["a:1 space"]);
  });

  test("for space takes the oldest, and no more than is needed", () => {
    const policy = { minFreeBytes: 200 };
    expect(names(images, policy)).toEqual([]);
    expect(names(images, policy, { freeBytes: 50 })).toEqual(["b:1 space", "a:1 space"]);
    expect(names(images, { ...policy, unusedForMs: 35 * HOUR_MS }, { freeBytes: 50 })).toEqual([
      "b:1 age",
      "a:1 space",
    ]);
  });
});
