import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { seededRandom } from "#registry-client/testing/seeded-random.ts";
import { UploadRegistry } from "#registry-client/testing/upload-registry.ts";
import { chainIdsOf, digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "#spec/media-types.ts";
import { parseImageReference } from "#spec/reference.ts";
import type { ImageRecord, ImageUser } from "./images.ts";
import { configOf, dockerArchive, type ImageSpec, streamOf, tarOf } from "./testing/archives.ts";
import { type MemoryImageEngine, openMemoryEngine } from "./testing/memory-engine.ts";

// A prune of all that is unused, again and again, beside what brings images in and sends them out: at each seed
// the steps fall together in another way.

const SEEDS = 6;
const ALL = { filters: new Map([["dangling", ["false"]]]) };
const never = new AbortController().signal;
let registry: UploadRegistry;

beforeEach(async () => {
  registry = await UploadRegistry.start();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
});

/** Images that share their lowest layer, each with one of its own. */
async function specOf(name: string): Promise<ImageSpec> {
  const base = await tarOf([{ name: "base", body: "shared by all" }]);
  const own = await tarOf([{ name, body: name.repeat(2000) }]);
  return { layers: [base, own], config: { Labels: { name } }, tags: [`${name}:1`] };
}

/** Gives the registry an image whose layers are packed. */
function offer(repository: string, spec: ImageSpec): void {
  const add = (bytes: Buffer): { readonly digest: string; readonly size: number } => {
    const digest = digestOf(bytes);
    registry.blobs.set(`${repository}@${digest}`, bytes);
    return { digest, size: bytes.length };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, ...add(configOf(spec).config) },
    layers: spec.layers.map((tar) => ({ mediaType: OCI_LAYER_GZIP, ...add(gzipSync(tar)) })),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  for (const reference of ["1", digestOf(bytes)]) {
    registry.manifests.set(`${repository}:${reference}`, { type: OCI_MANIFEST, bytes });
  }
}

/** One engine with a prune that does not end before `finish`. */
class Round implements AsyncDisposable {
  readonly engine: MemoryImageEngine;
  readonly #inUse = new Set<string>();
  readonly #random: () => number;
  #isOver = false;
  #pruning: Promise<void> = Promise.resolve();

  static async open(seed: number): Promise<Round> {
    const random = seededRandom(seed);
    return new Round(await openMemoryEngine(() => hops(random)), random);
  }

  private constructor(engine: MemoryImageEngine, random: () => number) {
    this.engine = engine;
    this.#random = random;
    registry.fault = () => ({ kind: "held", until: this.pause() });
  }

  pause(): Promise<void> {
    return hops(this.#random);
  }

  startPruning(): void {
    this.#pruning = this.#prune();
  }

  /** As a container would. */
  use({ id }: ImageRecord): void {
    this.#inUse.add(id);
  }

  async #prune(): Promise<void> {
    while (!this.#isOver) {
      const users = [...this.#inUse].map(
        (imageId): ImageUser => ({
          containerId: "c",
          imageId: imageId as ImageUser["imageId"],
          isRunning: true,
        }),
      );
      await this.engine.images.prune(ALL, users);
      await this.engine.images.collect();
      this.expectWhole();
      await this.pause();
    }
  }

  /** All that is visible has all its parts. */
  expectWhole(): void {
    const { images, content, snapshots } = this.engine;
    for (const image of images.list({ all: true, filters: new Map() })) {
      const blobs = [image.id, image.manifest.digest, ...image.layers.map(({ digest }) => digest)];
      expect(blobs.filter((digest) => !content.info(digest))).toEqual([]);
      expect(chainIdsOf(image.diffIds).filter((chainId) => !snapshots.stat(chainId))).toEqual([]);
    }
  }

  async pull(repository: string): Promise<void> {
    await this.pause();
    const reference = parseImageReference(`${registry.domain}/${repository}:1`);
    await this.engine.images.pull({ reference, credentials: {} }, () => undefined, never);
  }

  async load(spec: ImageSpec): Promise<void> {
    await this.pause();
    const source = streamOf(await dockerArchive([spec]), 4096);
    const loaded = await this.engine.images.load({ source }, () => undefined, never);
    expect(loaded[0]?.tags).toContain(spec.tags?.[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#pruning;
    registry.fault = () => undefined;
    await this.engine[Symbol.asyncDispose]();
  }
}

/** Lets others go first, for more or fewer turns of the event loop. */
async function hops(random: () => number): Promise<void> {
  for (let left = Math.trunc(random() * 6); left > 0; left--) {
    if (random() < 0.5) await Promise.resolve();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);

describe("a prune of everything never breaks", () => {
  test("a pull of an image that goes as its configuration is read", async () => {
    const one = await specOf("one");
    offer("a/one", one);
    await using round = await Round.open(1);
    const { images, content } = round.engine;
    await round.load(one);
    const { id } = images.resolve("one:1");
    const read = content.read.bind(content);
    const removed: unknown[] = [];
    content.read = async function* (digest, range) {
      const isFirst = digest === id && removed.length === 0;
      if (isFirst) removed.push(...(await images.prune(ALL, [])).removed);
      yield* read(digest, range);
    };
    await round.pull("a/one");
    expect(removed).toContainEqual({ deleted: id });
    expect(images.resolve(`${registry.domain}/a/one:1`).id).toBe(id);
    round.expectWhole();
  });

  test.each(seeds)("pulls and loads of the same layers, seed %d", async (seed) => {
    const [one, two, three] = await Promise.all(["one", "two", "three"].map(specOf));
    if (!one || !two || !three) throw new Error("no specs");
    for (const [name, spec] of Object.entries({ one, two, three })) offer(`a/${name}`, spec);
    await using round = await Round.open(seed);
    round.startPruning();
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all([
        round.pull("a/one"),
        round.load(one),
        round.pull("a/two"),
        round.load(three),
        round.pull("a/two"),
      ]);
    }
  });

  test.each(seeds)("pushes, and what they send is whole, seed %d", async (seed) => {
    const one = await specOf("one");
    const two = await specOf("two");
    await using round = await Round.open(seed);
    const { images } = round.engine;
    const names = ["x/one:1", "x/one:2", "x/two:1"].map((name) => `${registry.domain}/${name}`);
    await round.load(one);
    await round.load(two);
    images.tag("one:1", names[0] ?? "");
    images.tag("two:1", names[1] ?? "");
    images.tag("two:1", names[2] ?? "");
    const pushes = ["x/one", "x/two:1"].map((name) =>
      images.push(
        { reference: parseImageReference(`${registry.domain}/${name}`), credentials: {} },
        () => undefined,
        never,
      ),
    );
    round.startPruning();
    await Promise.all(pushes);
    expect([...registry.manifests.keys()].filter((name) => !name.includes("sha256"))).toEqual(
      expect.arrayContaining(["x/one:1", "x/one:2", "x/two:1"]),
    );
    for (const [name, { bytes }] of registry.manifests) {
      const repository = name.slice(0, name.indexOf(":"));
      const { config, layers } = JSON.parse(bytes.toString()) as {
        config: { digest: string };
        layers: { digest: string }[];
      };
      for (const { digest } of [config, ...layers]) {
        expect(registry.blobs.has(`${repository}@${digest}`)).toBe(true);
      }
    }
  });

  test.each(seeds)("saves and commits, seed %d", async (seed) => {
    const one = await specOf("one");
    await using round = await Round.open(seed);
    const { images } = round.engine;
    await round.load(one);
    const parent = images.resolve("one:1");
    const saving = images.save({ references: ["one:1"], platforms: [] }, never);
    round.use(parent);
    round.startPruning();
    let savedBytes = 0;
    for await (const chunk of saving) {
      savedBytes += chunk.length;
      await round.pause();
    }
    expect(savedBytes).toBeGreaterThan(10_000);
    const commit = async (name: string): Promise<void> => {
      const image = await images.commit(
        {
          parent,
          layer: streamOf(await tarOf([{ name, body: name }])),
          config: parent.config.config,
          author: "",
          comment: "",
          createdBy: "",
          tag: `made:${name}`,
        },
        never,
      );
      expect(image.tags).toEqual([`made:${name}`]);
    };
    await Promise.all([commit("a"), commit("b"), commit("c")]);
  });
});
