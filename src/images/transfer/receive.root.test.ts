import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { CancelledError } from "#base/errors.ts";
import { rejectionOf } from "#base/testing/rejection.ts";
import type { ImageRecord, ReceiveRequest } from "#images/images.ts";
import { tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from "#spec/media-types.ts";

// An image that another engine hands over: whole and verified, or refused by name.

const never = new AbortController().signal;
let engine: ImageEngine;

beforeEach(async () => {
  engine = await openEngine();
});
afterEach(async () => await engine[Symbol.asyncDispose]());

interface Layer {
  readonly bytes: Uint8Array;
  readonly diffId: string;
}

async function layer(name: string): Promise<Layer> {
  const tar = await tarOf([{ name, body: randomBytes(3_000_000) }]);
  return { bytes: gzipSync(tar), diffId: digestOf(tar) };
}

/** An offer with its blobs, and what was asked of it: `digest@offset`. */
class Offer {
  readonly asked: string[] = [];
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly manifest: ReceiveRequest["manifest"];
  /** Bytes after which the sender is gone. */
  cutAfter = Number.POSITIVE_INFINITY;
  /** Waited for before it goes. */
  beforeCut: Promise<void> = Promise.resolve();
  readonly #opened = Promise.withResolvers<void>();

  constructor(layers: readonly Layer[]) {
    const config = Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      }),
    );
    const add = (bytes: Uint8Array): { readonly digest: Digest; readonly size: number } => {
      this.blobs.set(digestOf(bytes), bytes);
      return { digest: digestOf(bytes), size: bytes.byteLength };
    };
    const document = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...add(config) },
      layers: layers.map(({ bytes }) => ({ mediaType: OCI_LAYER_GZIP, ...add(bytes) })),
    };
    this.manifest = { mediaType: OCI_MANIFEST, bytes: Buffer.from(JSON.stringify(document)) };
  }

  /** When the first blob was asked for. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get source(): ReceiveRequest["source"] {
    const bytesOf = (digest: Digest): Uint8Array => this.blobs.get(digest) ?? new Uint8Array();
    return {
      readBlob: (digest) => Promise.resolve(bytesOf(digest)),
      openBlob: ({ digest, offset }) => {
        this.asked.push(`${digest}@${offset}`);
        const bytes = bytesOf(digest);
        this.#opened.resolve();
        const { cutAfter, beforeCut } = this;
        async function* stream(): AsyncGenerator<Uint8Array> {
          yield bytes.subarray(offset, Math.min(bytes.byteLength, cutAfter));
          if (cutAfter >= bytes.byteLength) return;
          await beforeCut;
          throw new CancelledError("the sender is gone");
        }
        return Promise.resolve({
          offset,
          sizeBytes: bytes.byteLength,
          stream: stream(),
          close: () => undefined,
        });
      },
    };
  }
}

async function receive(
  offer: Offer,
  more: Partial<ReceiveRequest> = {},
  onStatus: (status: string | undefined) => void = () => {},
): Promise<ImageRecord> {
  const { manifest, source } = offer;
  const request = { manifest, source, tags: [], ...more };
  return await engine.images.receive(request, ({ status }) => onStatus(status), never);
}

test("an image comes with its manifest byte for byte, and its name", async () => {
  const offer = new Offer([await layer("a"), await layer("b")]);
  const image = await receive(offer, { tags: ["copied:1"] });
  expect(engine.images.resolve("copied:1").id).toBe(image.id);
  const handed = await engine.images.handOver("copied:1");
  expect(Buffer.from(handed.manifest.bytes)).toEqual(Buffer.from(offer.manifest.bytes));
  expect(engine.images.audit()).toEqual([]);
});

test("only layers that are missing are asked for", async () => {
  const base = await layer("a");
  await receive(new Offer([base]));
  const top = await layer("b");
  const offer = new Offer([base, top]);
  await receive(offer);
  expect(offer.asked).toEqual([`${digestOf(top.bytes)}@0`]);
});

test("one that was broken off goes on at the byte where it ended", async () => {
  const offer = new Offer([await layer("a")]);
  offer.cutAfter = 2_000_000;
  expect(await rejectionOf(receive(offer))).toContain("the sender is gone");
  expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
  offer.cutAfter = Number.POSITIVE_INFINITY;
  await receive(offer);
  expect(offer.asked.at(-1)).toMatch(/@[1-9]\d*$/);
  expect(engine.images.audit()).toEqual([]);
});

test("two at once: where one sender goes, the other's blob goes on", async () => {
  const layers = [await layer("a")];
  const [going, staying] = [new Offer(layers), new Offer(layers)];
  going.cutAfter = 1_500_000;
  const joined = Promise.withResolvers<void>();
  going.beforeCut = joined.promise;
  const first = receive(going);
  await going.opened;
  const second = receive(staying, {}, (status) => {
    if (status === "Pulling fs layer") joined.resolve();
  });
  await Promise.all([first, second]);
  expect(staying.asked[0]).toMatch(/@[1-9]\d*$/);
});

describe("lies are refused by name, and leave nothing", () => {
  test("a blob of other bytes", async () => {
    const only = await layer("a");
    const offer = new Offer([only]);
    const other = new Uint8Array(only.bytes);
    other[1_000_000] = (other[1_000_000] ?? 0) ^ 0xff;
    offer.blobs.set(digestOf(only.bytes), other);
    expect(await rejectionOf(receive(offer))).toContain(
      `filesystem layer verification failed for digest ${digestOf(only.bytes)}`,
    );
    expect(engine.leftovers()).toEqual([]);
  });

  test("another's diff id", async () => {
    const [one, other] = [await layer("a"), await layer("b")];
    const offer = new Offer([{ ...one, diffId: other.diffId }]);
    expect(await rejectionOf(receive(offer))).toContain("invalid diffID for layer 0");
    expect(engine.leftovers()).toEqual([]);
  });

  test("an index that does not name the manifest", async () => {
    const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
    const index = { mediaType: OCI_INDEX, bytes: Buffer.from(JSON.stringify(document)) };
    expect(await rejectionOf(receive(new Offer([await layer("a")]), { index }))).toContain(
      "does not name manifest",
    );
  });

  test("what is no manifest, and a name that is none", async () => {
    const offer = new Offer([await layer("a")]);
    const manifest = { mediaType: OCI_MANIFEST, bytes: Buffer.from("{") };
    expect(await rejectionOf(receive(offer, { manifest }))).toContain("Cannot read");
    expect(await rejectionOf(receive(offer, { tags: ["UPPER:1"] }))).toContain("invalid reference");
    expect(offer.asked).toEqual([]);
  });
});

test("openBlob() reads from any byte on, and only the image's own", async () => {
  const only = await layer("a");
  const image = await receive(new Offer([only]), { tags: ["own:1"] });
  const blob = engine.images.openBlob("own:1", digestOf(only.bytes));
  const rest = Buffer.concat(await Array.fromAsync(blob.read(only.bytes.byteLength - 3, never)));
  expect(rest).toEqual(Buffer.from(only.bytes.subarray(-3)));
  expect(() => engine.images.openBlob("own:1", image.manifest.digest)).toThrow("has none of it");
});
