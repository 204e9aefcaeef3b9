import { describe, expect, test } from "bun:test";
import type { ImageRecord } from "#images/images.ts";
import { chainIdsOf, parseDiffId } from "#spec/digest.ts";
import { sumImages } from "./disk-usage.ts";
import { PruneGate } from "./prune-gate.ts";
import { freedLayerBytes } from "./prune-preview.ts";
import { classifyStorage, type Owners } from "./storage.ts";

const diffIds = ["1", "2", "3"].map((digit) => parseDiffId(`sha256:${digit.repeat(64)}`));

function image(id: string, layers: number): ImageRecord {
  return { id, diffIds: diffIds.slice(0, layers) } as unknown as ImageRecord;
}

describe("sumImages()", () => {
  test("counts a layer once, and what a used image stands on as held", () => {
    const base = image("sha256:b", 1);
    const big = image("sha256:c", 3);
    const sums = sumImages({
      all: [base, big],
      shown: [base, big],
      containerCounts: new Map([[base.id, 2]]),
      sharedBytes: new Map([
        [base.id, 10],
        [big.id, 10],
      ]),
      allLayersBytes: 30,
      layerBytes: () => 10,
    });
    expect(sums).toMatchObject({
      activeCount: 1,
      totalCount: 2,
      totalBytes: 30,
      reclaimableBytes: 20,
    });
    expect(
      sums.items.map(({ containerCount, sharedBytes }) => [containerCount, sharedBytes]),
    ).toEqual([
      [2, 10],
      [0, 10],
    ]);
  });
});

test("freedLayerBytes() leaves what others stand on", () => {
  const [base, big] = [image("sha256:b", 1), image("sha256:c", 3)];
  const sizes = new Map<string, number>(chainIdsOf(diffIds).map((id, index) => [id, index + 1]));
  const sizeOf = (id: string): number => sizes.get(id) ?? 0;
  expect(freedLayerBytes([big], [base, big], sizeOf)).toBe(5);
  expect(freedLayerBytes([base, big], [base, big], sizeOf)).toBe(6);
});

describe("classifyStorage()", () => {
  const owners: Owners = {
    containerIds: new Set(["c1"]),
    volumeNames: new Set(["data"]),
    snapshotFolders: new Set(["layer"]),
    isBlobOwned: (hex) => hex === "aa",
  };
  test.each([
    ["wharf.db-wal", "engine"],
    ["photos", "unowned"],
    ["overlay2", "into"],
    ["overlay2/layer", "counted"],
    ["overlay2/stray", "unowned"],
    ["overlay2/.trash", "pending"],
    ["volumes/data", "counted"],
    ["volumes/stray", "unowned"],
    ["containers/c1", "into"],
    ["containers/c1/hosts", "engine"],
    ["containers/c1/c1-json.log.1", "log"],
    ["containers/c2", "unowned"],
    ["content/ingest", "pending"],
    ["content/partial", "pending"],
    ["content/blobs/sha256", "into"],
    ["content/blobs/sha256/aa", "blob"],
    ["content/blobs/sha256/bb", "unowned"],
  ])("%s is %s", (path, kind) => {
    expect(classifyStorage(path.split("/"), "overlay2", owners)).toBe(kind as never);
  });
});

test("PruneGate lets one run at a time, and the next one after a failure", async () => {
  const gate = new PruneGate();
  const held = Promise.withResolvers<number>();
  const first = gate.run(() => held.promise);
  expect(gate.run(() => Promise.resolve(2))).rejects.toThrow(
    "a prune operation is already running",
  );
  held.reject(new Error("full"));
  expect(first).rejects.toThrow("full");
  await first.catch(() => undefined);
  expect(await gate.run(() => Promise.resolve(3))).toBe(3);
});
