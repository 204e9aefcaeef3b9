import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { deferred } from "#base/async.ts";
import { messageOf } from "#base/errors.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { configOf, type Member, streamOf, tarOf } from "./testing/archives.ts";
import { type ImageEngine, openEngine } from "./testing/engine.ts";

const never = new AbortController().signal;
/** Large enough that the archive's spool does not keep it in memory. */
const LARGE_BYTES = 3 * 1024 * 1024;

const layer = await tarOf([
  { name: "first", body: "1" },
  { name: "large", body: Buffer.alloc(LARGE_BYTES, "0123456789abcdef") },
]);

function blobName(bytes: Uint8Array): string {
  return `blobs/sha256/${digestHex(digestOf(bytes))}`;
}

interface Archived {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** As `docker save` has written it since 25: first the blobs, then what says whose they are. */
async function archiveOf(
  layers: readonly Archived[],
  diffIds: readonly string[],
  more: readonly Member[] = [],
): Promise<Buffer> {
  const { config } = configOf({ layers: layers.map(() => layer), diffIds });
  const names = layers.map(({ name }) => name);
  return await tarOf([
    ...layers.map(({ name, bytes }) => ({ name, body: bytes })),
    ...more,
    { name: blobName(config), body: config },
    {
      name: "manifest.json",
      body: JSON.stringify([{ Config: blobName(config), RepoTags: ["box:1"], Layers: names }]),
    },
  ]);
}

async function load(engine: ImageEngine, source: AsyncIterable<Uint8Array>): Promise<string> {
  return await engine.images
    .load({ source }, () => undefined, never)
    .then(
      () => "",
      (error: unknown) => messageOf(error),
    );
}

function extracted(engine: ImageEngine): readonly string[] {
  return engine.snapshots
    .list()
    .map(({ name }) => name)
    .filter((name) => name.startsWith("extract-"));
}

async function expectLarge(engine: ImageEngine): Promise<void> {
  engine.snapshots.prepare("c", engine.images.topChainId(engine.images.resolve("box:1")));
  const root = await engine.snapshots.mount("c");
  expect(readFileSync(join(root, "large")).length).toBe(LARGE_BYTES);
  engine.snapshots.unmount("c");
  await engine.snapshots.remove("c");
}

test.each([
  ["plain", (bytes: Buffer): Buffer => bytes],
  // stored: else it would be small again
  ["packed", (bytes: Buffer): Buffer => gzipSync(bytes, { level: 0 })],
])("a %s layer is being unpacked while the archive still comes", async (_name, pack) => {
  await using engine = await openEngine();
  const bytes = pack(layer);
  const archive = await archiveOf([{ name: blobName(bytes), bytes }], [digestOf(layer)]);
  const unpacked = deferred<boolean>();
  const source = async function* (): AsyncIterable<Uint8Array> {
    const half = archive.length - 1024 * 1024;
    yield* streamOf(archive.subarray(0, half));
    const isThere = (): boolean =>
      extracted(engine).some((key) =>
        existsSync(join(engine.snapshots.layerDirectory(key), "first")),
      );
    while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
    unpacked.resolve(true);
    yield* streamOf(archive.subarray(half));
  };
  expect(await load(engine, source())).toBe("");
  expect(await unpacked.promise).toBe(true);
  await expectLarge(engine);
  expect(extracted(engine)).toEqual([]);
  expect(engine.images.resolve("box:1").layers.map(({ digest }) => digest)).toEqual([
    digestOf(bytes),
  ]);
});

test("a layer that an image has twice is there twice", async () => {
  await using engine = await openEngine();
  const archived = { name: blobName(layer), bytes: layer };
  const diffIds = [digestOf(layer), digestOf(layer)];
  expect(await load(engine, streamOf(await archiveOf([archived, archived], diffIds)))).toBe("");
  expect(engine.images.resolve("box:1").layers.length).toBe(2);
  expect(extracted(engine)).toEqual([]);
});

test("what is no layer, or none of an image, leaves nothing behind", async () => {
  await using engine = await openEngine();
  const random = Buffer.alloc(2 * LARGE_BYTES, "this is no tar at all ");
  const other = await tarOf([{ name: "other", body: Buffer.alloc(LARGE_BYTES, "x") }]);
  const archive = await archiveOf(
    [{ name: blobName(layer), bytes: layer }],
    [digestOf(layer)],
    [random, other].map((body) => ({ name: blobName(body), body })),
  );
  expect(await load(engine, streamOf(archive))).toBe("");
  await expectLarge(engine);
  await engine.snapshots.settled();
  expect(engine.snapshots.list().length).toBe(1);
});

test("a file whose name says another blob is taken for what it is", async () => {
  await using engine = await openEngine();
  const bytes = layer;
  const name = blobName(Buffer.from("something else"));
  expect(await load(engine, streamOf(await archiveOf([{ name, bytes }], [digestOf(layer)])))).toBe(
    "",
  );
  await expectLarge(engine);
  expect(extracted(engine)).toEqual([]);
});

test("an archive that is cut, lies, or names another layer leaves nothing", async () => {
  await using engine = await openEngine();
  const archived = { name: blobName(layer), bytes: layer };
  const archive = await archiveOf([archived], [digestOf(layer)]);
  const wrong = digestOf("another layer");
  const damaged = Buffer.from(layer);
  damaged.fill(0xff, 1024, 2048); // the header of its second file
  for (const [bytes, message] of [
    [archive.subarray(0, LARGE_BYTES / 2), "unexpected EOF"],
    [archive.subarray(0, archive.length - 1300), "unexpected EOF"],
    [
      await archiveOf([archived], [wrong]),
      `invalid diffID for layer 0: expected "${wrong}", got "${digestOf(layer)}"`,
    ],
    [
      await archiveOf([{ name: blobName(damaged), bytes: damaged }], [digestOf(damaged)]),
      "invalid tar header",
    ],
  ] as const) {
    expect(await load(engine, streamOf(bytes))).toContain(message);
    await engine.snapshots.settled();
    expect(extracted(engine)).toEqual([]);
    expect(engine.leftovers()).toEqual([]);
  }
});

test("an abort while a layer is unpacked leaves nothing", async () => {
  await using engine = await openEngine();
  const archive = await archiveOf([{ name: blobName(layer), bytes: layer }], [digestOf(layer)]);
  const controller = new AbortController();
  const source = async function* (): AsyncIterable<Uint8Array> {
    yield* streamOf(archive.subarray(0, LARGE_BYTES));
    while (extracted(engine).length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    yield archive.subarray(LARGE_BYTES);
  };
  const work = engine.images.load({ source: source() }, () => undefined, controller.signal);
  await expect(work).rejects.toThrow();
  await engine.snapshots.settled();
  expect(engine.leftovers()).toEqual([]);
  expect(engine.snapshots.list()).toEqual([]);
});

test("loads that stand still do not keep others from unpacking", async () => {
  await using engine = await openEngine({ unpacksAtOnce: 2 });
  const gate = deferred();
  const stalled = await Promise.all(
    ["a", "b", "c"].map(async (letter) => {
      const bytes = await tarOf([{ name: "large", body: Buffer.alloc(LARGE_BYTES, letter) }]);
      return await archiveOf([{ name: blobName(bytes), bytes }], [digestOf(bytes)]);
    }),
  );
  const loads = stalled.map(async (archive) => {
    const source = async function* (): AsyncIterable<Uint8Array> {
      yield* streamOf(archive.subarray(0, LARGE_BYTES - 1024));
      await gate.promise;
      yield* streamOf(archive.subarray(LARGE_BYTES - 1024));
    };
    return await load(engine, source());
  });
  while (extracted(engine).length === 0) await new Promise((resolve) => setImmediate(resolve));
  const archive = await archiveOf([{ name: blobName(layer), bytes: layer }], [digestOf(layer)]);
  expect(await load(engine, streamOf(archive))).toBe("");
  gate.resolve();
  expect(await Promise.all(loads)).toEqual(["", "", ""]);
  expect(extracted(engine)).toEqual([]);
});
