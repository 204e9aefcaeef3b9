import { afterEach, beforeEach, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { rejectionOf } from "#base/testing/rejection.ts";
import { tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import { FaultRegistry } from "#registry-client/testing/fault-registry.ts";
import { seededRandom } from "#registry-client/testing/seeded-random.ts";
import { digestOf } from "#spec/digest.ts";
import {
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { parseImageReference } from "#spec/reference.ts";

// Many faults in a row, as many requests as allowed, and layers that unpack to more than they may.

const MAX_DOWNLOADS = 3; // of `openEngine()`
const UNPACKED_MAX_BYTES = 1_000_000;
const never = new AbortController().signal;
let engine: ImageEngine;
let registry: FaultRegistry;

beforeEach(async () => {
  [engine, registry] = await Promise.all([
    openEngine({ limits: { maxUnpackedBytes: UNPACKED_MAX_BYTES } }),
    FaultRegistry.start(),
  ]);
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

async function pull(): Promise<void> {
  const reference = parseImageReference(`${registry.domain}/a/b:1`);
  await engine.images.pull({ reference, credentials: {} }, () => undefined, never);
}

function noise(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random() * 256);
}

test.each([1, 2, 3])(
  "cuts, errors and refusals at random, from seed %d, end in the true image",
  async (seed) => {
    const random = seededRandom(seed);
    const tars = await Promise.all(
      ["a", "b"].map((name) => tarOf([{ name, body: noise(random, 400_000) }])),
    );
    const layers = tars.map((tar) => ({
      mediaType: OCI_LAYER_GZIP,
      bytes: gzipSync(tar),
      diffId: digestOf(tar),
    }));
    registry.addImage("a/b", "1", layers);
    const failures = new Map<string, number>();
    registry.fault = ({ path }) => {
      const count = failures.get(path) ?? 0;
      if (!path.includes("/blobs/") || count >= 3) return undefined;
      failures.set(path, count + 1);
      const choice = random();
      if (choice < 0.2) return { kind: "status", status: 503 };
      if (choice < 0.4) return { kind: "status", status: 429, headers: ["Retry-After: 1"] };
      return { kind: "cut", afterBytes: Math.trunc(random() * 400_000) };
    };
    await pull();
    const image = engine.images.resolve(`${registry.domain}/a/b:1`);
    expect(image.diffIds as readonly string[]).toEqual(layers.map(({ diffId }) => diffId));
    expect(engine.images.audit()).toEqual([]);
    expect(Math.max(...failures.values())).toBeGreaterThan(1);
  },
);

test("no more blobs are asked for at once than are allowed", async () => {
  const tars = await Promise.all(
    Array.from({ length: 8 }, (_, index) => tarOf([{ name: `f${index}`, body: `${index}` }])),
  );
  const layers = tars.map((bytes) => ({
    mediaType: OCI_LAYER,
    bytes,
    diffId: digestOf(bytes),
  }));
  registry.addImage("a/b", "1", layers);
  const paths = new Set(layers.map(({ diffId }) => `/v2/a/b/blobs/${diffId}`));
  const full = Promise.withResolvers<void>();
  let held = 0;
  let most = 0;
  registry.fault = ({ path }) => {
    if (!paths.has(path)) return undefined;
    held++;
    most = Math.max(most, held);
    if (held >= MAX_DOWNLOADS) full.resolve();
    // a request of our own comes behind all that were under way
    const until = full.promise.then(async () => {
      await (await fetch(`http://${registry.domain}/v2/`, { keepalive: false })).text();
      held--;
    });
    return { kind: "held", until };
  };
  await pull();
  expect(most).toBe(MAX_DOWNLOADS);
  expect(engine.images.audit()).toEqual([]);
});

test("answers that come in another order than they were asked for make the same image", async () => {
  const tars = await Promise.all(
    ["a", "b", "c"].map((name) => tarOf([{ name, body: name.repeat(50_000) }])),
  );
  const layers = tars.map((bytes) => ({
    mediaType: OCI_LAYER_GZIP,
    bytes: gzipSync(bytes),
    diffId: digestOf(bytes),
  }));
  registry.addImage("a/b", "1", layers);
  // each layer is answered when the one above it was
  const answered = layers.map(() => Promise.withResolvers<void>());
  const order: number[] = [];
  registry.fault = ({ path }) => {
    const at = layers.findIndex(({ bytes }) => path.endsWith(digestOf(bytes)));
    if (at < 0) return undefined;
    const above = answered[at + 1]?.promise ?? Promise.resolve();
    const until = above.then(() => {
      order.push(at);
      answered[at]?.resolve();
    });
    return { kind: "held", until };
  };
  await pull();
  expect(order).toEqual([2, 1, 0]);
  const image = engine.images.resolve(`${registry.domain}/a/b:1`);
  expect(image.diffIds as readonly string[]).toEqual(layers.map(({ diffId }) => diffId));
  expect(engine.images.audit()).toEqual([]);
});

test.each(["manifests/1", "manifests/sha256", "config", "layer"])(
  "more of a %s than was announced is cut off at once, and named",
  async (what) => {
    const tar = await tarOf([{ name: "a", body: "a" }]);
    const diffId = digestOf(tar);
    const digest = registry.addImage("a/b", "amd64", [
      { mediaType: OCI_LAYER, bytes: tar, diffId },
    ]);
    const { bytes } = registry.item(`a/b/manifests/${digest}`);
    const { config } = JSON.parse(Buffer.from(bytes).toString()) as { config: { digest: string } };
    const platform = { os: "linux", architecture: "amd64" };
    const manifests = [{ mediaType: OCI_MANIFEST, digest, size: bytes.byteLength, platform }];
    registry.addManifest("a/b", "1", OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests,
    });
    const ends = new Map([
      ["config", config.digest],
      ["layer", diffId as string],
    ]);
    registry.fault = ({ method, path }) =>
      method === "GET" && path.includes(ends.get(what) ?? what) ? { kind: "endless" } : undefined;
    expect(await rejectionOf(pull())).toMatch(/has more than \d+ bytes|more than the \d+ bytes/);
    expect(registry.connectionCount).toBeLessThan(4);
    expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
    // the announced part of a layer is worth keeping
    expect(engine.leftovers().filter((name) => !name.startsWith("sha256-"))).toEqual([]);
  },
);

test("a layer that unpacks to thousands of times its size is refused by name", async () => {
  await engine[Symbol.asyncDispose]();
  const limits = { maxRatio: 2000, ratioFloorBytes: 4_000_000 };
  engine = await openEngine({ limits });
  const tar = await tarOf([{ name: "a", body: Buffer.alloc(50_000_000) }]);
  const bytes = zstdCompressSync(tar);
  registry.addImage("a/b", "1", [{ mediaType: OCI_LAYER_ZSTD, bytes, diffId: digestOf(tar) }]);
  expect(await rejectionOf(pull())).toMatch(/\d+ bytes became \d+, over the ratio of 2000/);
  expect(engine.leftovers().filter((name) => name.startsWith("extract"))).toEqual([]);
});

test.each([
  ["gzip", OCI_LAYER_GZIP, gzipSync],
  ["zstd", OCI_LAYER_ZSTD, zstdCompressSync],
] as const)(
  "a bomb of %s is refused by name, with nothing left",
  async (_name, mediaType, pack) => {
    const tar = await tarOf([{ name: "a", body: Buffer.alloc(50_000_000) }]);
    registry.addImage("a/b", "1", [{ mediaType, bytes: pack(tar), diffId: digestOf(tar) }]);
    expect(await rejectionOf(pull())).toContain(`more than ${UNPACKED_MAX_BYTES} bytes`);
    expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
    expect(engine.leftovers().filter((name) => name.startsWith("extract"))).toEqual([]);
  },
);
