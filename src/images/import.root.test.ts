import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { messageOf } from "#base/errors.ts";
import { digestOf } from "#spec/digest.ts";
import { streamOf, tarOf } from "./testing/archives.ts";
import { openEngine } from "./testing/engine.ts";

const never = new AbortController().signal;
const root = await tarOf([{ name: "./" }, { name: "./bin/" }, { name: "./bin/sh", body: "shell" }]);

test("import() makes an image of one layer, with docker's comment and history", async () => {
  await using engine = await openEngine();
  const request = {
    source: streamOf(gzipSync(root)),
    reference: "box",
    changes: [`CMD ["sh"]`, "ENV A=1"],
    platform: "linux/arm64",
  };
  const image = await engine.images.import(request, never);
  expect(image.tags).toEqual(["box:latest"]);
  expect(image.diffIds.map(String)).toEqual([digestOf(root)]);
  expect(image.sizeBytes).toBe(5);
  expect(image.config).toMatchObject({
    comment: "Imported from -",
    platform: { os: "linux", architecture: "arm64" },
    config: { cmd: ["sh"], env: ["A=1"] },
  });
  const [step] = engine.images.history("box");
  expect(step).toMatchObject({
    id: image.id,
    comment: "Imported from -",
    sizeBytes: 5,
    createdBy: "",
  });
  expect(engine.events.map((event) => event.action)).toEqual(["tag", "import"]);
  expect(digestOf(await engine.content.readBytes(image.id, 99_999))).toBe(image.id);
});

test.each([
  ["a change", { changes: ["RUN x"] }, "RUN is not a valid change command"],
  ["a platform", { platform: "windows" }, "operating system is not supported: windows"],
  ["a name", { reference: "UP" }, "must be lowercase"],
])("import() refuses %s before it reads, and leaves nothing", async (_name, fields, message) => {
  await using engine = await openEngine();
  const request = { source: streamOf(root), changes: [], ...fields };
  const error: unknown = await engine.images
    .import(request, never)
    .catch((thrown: unknown) => thrown);
  expect(messageOf(error)).toContain(message);
  expect(engine.leftovers()).toEqual([]);
});

test("remove() frees the layer when the last image that shares it goes", async () => {
  await using engine = await openEngine();
  const make = (reference: string, change: string): Promise<{ readonly id: string }> =>
    engine.images.import({ source: streamOf(root), reference, changes: [change] }, never);
  const first = await make("one", "ENV A=1");
  await make("two", "ENV A=2");
  expect(engine.snapshots.list().length).toBe(1);
  const options = { force: false, pruneParents: true };
  expect(await engine.images.remove("one", options, [])).toEqual([
    { untagged: "one:latest" },
    { deleted: first.id },
  ]);
  expect(engine.snapshots.list().length).toBe(1);
  expect((await engine.images.remove("two", options, [])).at(-1)).toEqual({
    deleted: digestOf(root),
  });
  await engine.snapshots.settled();
  expect(engine.leftovers()).toEqual([]);
  expect(engine.events.map((event) => event.action)).toEqual([
    "tag",
    "import",
    "tag",
    "import",
    "untag",
    "delete",
    "untag",
    "delete",
  ]);
});

test("a layer that a container stands on outlives its image, until collect()", async () => {
  await using engine = await openEngine();
  const image = await engine.images.import(
    { source: streamOf(root), reference: "box", changes: [] },
    never,
  );
  engine.snapshots.prepare("container", engine.images.topChainId(image));
  await engine.images.remove(image.id, { force: true, pruneParents: true }, [
    { containerId: "c".repeat(64), imageId: image.id, isRunning: false },
  ]);
  expect(
    engine.snapshots
      .list()
      .map((info) => info.kind)
      .toSorted(),
  ).toEqual(["active", "committed"]);
  await engine.snapshots.remove("container");
  expect(await engine.images.collect()).toEqual({ freedBytes: 5 });
  await engine.snapshots.settled();
  expect(engine.leftovers()).toEqual([]);
});

test("released() frees what a container kept of an image removed by force", async () => {
  await using engine = await openEngine();
  const image = await engine.images.import({ source: streamOf(root), changes: [] }, never);
  engine.snapshots.prepare("container", engine.images.topChainId(image));
  await engine.images.released(image.id);
  const users = [{ containerId: "c".repeat(64), imageId: image.id, isRunning: false }];
  await engine.images.remove(image.id, { force: true, pruneParents: true }, users);
  await engine.snapshots.remove("container");
  await engine.images.released(image.id);
  await engine.snapshots.settled();
  expect(engine.leftovers()).toEqual([]);
});

test("a lease keeps blobs and layers of no image until it ends", async () => {
  await using engine = await openEngine();
  const image = await engine.images.import({ source: streamOf(root), changes: [] }, never);
  const top = engine.images.topChainId(image);
  if (top === undefined) throw new Error("The image has a layer");
  const [blob] = image.layers;
  if (!blob) throw new Error("The image has a blob");
  const first = engine.images.lease();
  const second = engine.images.lease();
  for (const lease of [first, second]) {
    lease.addLayer(top);
    lease.add(blob.digest);
    lease.addLayer(top);
  }
  await engine.images.remove(image.id, { force: true, pruneParents: true }, []);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await engine.images.collect();
  expect(engine.snapshots.stat(top)).toBeDefined();
  expect(engine.content.info(blob.digest)).toBeDefined();
  second[Symbol.dispose]();
  expect(await engine.images.collect()).toEqual({ freedBytes: 5 });
  await engine.snapshots.settled();
  expect(engine.leftovers()).toEqual([]);
});

test("prune() tells what it freed", async () => {
  await using engine = await openEngine();
  await engine.images.import({ source: streamOf(root), changes: [] }, never);
  const result = await engine.images.prune({ filters: new Map() }, []);
  expect(result.reclaimedBytes).toBe(5);
  expect(engine.leftovers().filter((name) => !name.startsWith("trash"))).toEqual([]);
  expect(engine.events.at(-1)).toMatchObject({ action: "prune", attributes: { reclaimed: "5" } });
});
