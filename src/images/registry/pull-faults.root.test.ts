import { afterEach, beforeEach, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { rejectionOf } from "#base/testing/rejection.ts";
import { tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import { FaultRegistry } from "#registry-client/testing/fault-registry.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "#spec/media-types.ts";
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

/** Numbers from 0 up to but not including 1, the same for the same seed: a linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function noise(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random() * 256);
}

test.each([1, 2, 3])(
  "cuts, errors and refusals at random, from seed %d, end in the true image",
  async (seed) => {
    const random = seeded(seed);
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
