import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { rejectionOf } from "#base/testing/rejection.ts";
import type { ImageProgress } from "#images/images.ts";
import { tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import {
  type Fault,
  FaultRegistry,
  type SeenRequest,
} from "#registry-client/testing/fault-registry.ts";
import { digestOf } from "#spec/digest.ts";
import {
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { parseImageReference } from "#spec/reference.ts";

// Registries and networks that do wrong: a pull completes, or fails by name, and leaves nothing but parts of
// blobs that are worth keeping.

const never = new AbortController().signal;
let engine: ImageEngine;
let registry: FaultRegistry;

beforeEach(async () => {
  [engine, registry] = await Promise.all([openEngine(), FaultRegistry.start()]);
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

interface LayerSpec {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly diffId: string;
}

async function layer(name: string, packing: "none" | "gzip" | "zstd"): Promise<LayerSpec> {
  // does not shrink, so that faults hit it in the middle
  const tar = await tarOf([{ name, body: randomBytes(3_000_000) }]);
  const diffId = digestOf(tar);
  if (packing === "gzip") return { mediaType: OCI_LAYER_GZIP, bytes: gzipSync(tar), diffId };
  if (packing === "zstd")
    return { mediaType: OCI_LAYER_ZSTD, bytes: zstdCompressSync(tar), diffId };
  return { mediaType: OCI_LAYER, bytes: tar, diffId };
}

async function pull(tag = "1", signal: AbortSignal = never): Promise<readonly ImageProgress[]> {
  const steps: ImageProgress[] = [];
  const reference = parseImageReference(`${registry.domain}/a/b:${tag}`);
  await engine.images.pull({ reference, credentials: {} }, (step) => steps.push(step), signal);
  return steps;
}

function isBlob(request: SeenRequest): boolean {
  return request.path.includes("/blobs/");
}

/** The first `count` requests that `isMeant` picks go wrong. */
function failing(
  count: number,
  fault: Fault,
  isMeant = isBlob,
): (request: SeenRequest) => Fault | undefined {
  let left = count;
  return (request) => (isMeant(request) && left-- > 0 ? fault : undefined);
}

test("layers of every packing come with their manifest byte for byte", async () => {
  const layers = await Promise.all([layer("a", "none"), layer("b", "gzip"), layer("c", "zstd")]);
  const digest = registry.addImage("a/b", "1", layers);
  const steps = await pull();
  const image = engine.images.resolve(`${registry.domain}/a/b:1`);
  expect(image.manifest.digest as string).toBe(digest);
  expect(image.layers.map((one) => one.digest as string)).toEqual(
    layers.map((one) => digestOf(one.bytes)),
  );
  expect(image.repoDigests).toEqual([`${registry.domain}/a/b@${digest}`]);
  expect(steps.at(0)).toEqual({ status: "Pulling from a/b", id: "1" });
  expect(steps.filter(({ status }) => status === "Pull complete")).toHaveLength(3);
  expect(steps.at(-1)).toEqual({
    status: `Status: Downloaded newer image for ${registry.domain}/a/b:1`,
  });
});

describe("a bad network", () => {
  test.each([
    ["connections that are cut", { kind: "cut", afterBytes: 1_234_567 }],
    ["errors of the server", { kind: "status", status: 503 }],
    ["too many requests", { kind: "status", status: 429, headers: ["Retry-After: 1"] }],
    ["a byte that was changed on the way", { kind: "corrupted" }],
  ] as const)("%s are got over", async (_name, fault) => {
    const layers = await Promise.all([layer("a", "gzip"), layer("b", "zstd")]);
    registry.addImage("a/b", "1", layers);
    // a byte that stays wrong is a lie: once only
    const times = fault.kind === "corrupted" ? 1 : 2;
    const path = `/v2/a/b/blobs/${digestOf(layers[0]?.bytes ?? "")}`;
    registry.fault = failing(times, fault, (request) => request.path === path);
    await pull();
    expect(engine.images.resolve(`${registry.domain}/a/b:1`).diffIds as readonly string[]).toEqual(
      layers.map(({ diffId }) => diffId),
    );
    expect(engine.leftovers().filter((name) => name.startsWith("sha256-"))).toEqual([]);
  });

  test("a download goes on where it broke", async () => {
    const only = await layer("a", "gzip");
    registry.addImage("a/b", "1", [only]);
    const path = `/v2/a/b/blobs/${digestOf(only.bytes)}`;
    registry.fault = failing(
      1,
      { kind: "cut", afterBytes: 2_000_000 },
      (request) => request.path === path,
    );
    await pull();
    const ranges = registry.requests
      .filter((one) => one.path === path)
      .map(({ headers }) => headers.get("range"));
    expect(ranges).toHaveLength(2);
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("a registry that knows no ranges sends all of it again", async () => {
    const only = await layer("a", "none");
    registry.addImage("a/b", "1", [only]);
    const cut = failing(2, { kind: "cut", afterBytes: 1_500_000 }, (one) =>
      one.path.endsWith(digestOf(only.bytes)),
    );
    registry.fault = (request) => cut(request) ?? (isBlob(request) ? { kind: "whole" } : undefined);
    await pull();
    expect(engine.images.list({ all: true, filters: new Map() })).toHaveLength(1);
  });

  test("what was cancelled is gone on with by the next pull", async () => {
    const only = await layer("a", "gzip");
    registry.addImage("a/b", "1", [only]);
    const path = `/v2/a/b/blobs/${digestOf(only.bytes)}`;
    const cancel = new AbortController();
    registry.fault = ({ path: asked }) => {
      if (asked !== path) return undefined;
      // the second try, after a third has come: the user gives up
      if (registry.requests.filter((one) => one.path === path).length > 1) cancel.abort();
      return { kind: "cut", afterBytes: 1_000_000 };
    };
    await rejectionOf(pull("1", cancel.signal));
    expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
    expect(engine.leftovers().filter((name) => /^(?:extract|[0-9a-f]{64}$)/.test(name))).toEqual(
      [],
    );
    registry.fault = () => undefined;
    const before = registry.requests.length;
    await pull();
    const resumed = registry.requests.slice(before).find((one) => one.path === path);
    expect(resumed?.headers.get("range")).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("a registry that never recovers is named, and nothing is left", async () => {
    registry.addImage("a/b", "1", [await layer("a", "gzip")]);
    registry.fault = failing(1000, { kind: "status", status: 500 });
    expect(await rejectionOf(pull())).toContain("500");
    expect(engine.leftovers()).toEqual([]);
  });
});

describe("lies", () => {
  test("a blob of another digest is refused by name", async () => {
    const only = await layer("a", "gzip");
    registry.addImage("a/b", "1", [only]);
    registry.fault = failing(1000, { kind: "corrupted" }, (one) =>
      one.path.endsWith(digestOf(only.bytes)),
    );
    expect(await rejectionOf(pull())).toContain(
      `filesystem layer verification failed for digest ${digestOf(only.bytes)}`,
    );
    expect(engine.leftovers()).toEqual([]);
  });

  test("a blob that ends early, as if that were all, is refused by name", async () => {
    const only = await layer("a", "gzip");
    registry.addImage("a/b", "1", [only]);
    registry.fault = failing(1000, { kind: "shortened", toBytes: 1000 }, (one) =>
      one.path.endsWith(digestOf(only.bytes)),
    );
    expect(await rejectionOf(pull())).toContain("1000");
    expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
  });

  test("a diff id that is another's is refused by name", async () => {
    const [one, other] = await Promise.all([layer("a", "gzip"), layer("b", "gzip")]);
    registry.addImage("a/b", "1", [{ ...one, diffId: other.diffId }]);
    expect(await rejectionOf(pull())).toContain("invalid diffID for layer 0");
    expect(engine.leftovers()).toEqual([]);
  });

  test("a manifest of another digest is refused by name", async () => {
    const digest = registry.addImage("a/b", "1", [await layer("a", "gzip")]);
    registry.fault = failing(1, { kind: "corrupted" }, (one) => one.path.includes("/manifests/"));
    expect(await rejectionOf(pull())).toContain(
      `manifest verification failed for digest ${digest}`,
    );
  });

  test("a size that is not the blob's is refused by name", async () => {
    const only = await layer("a", "gzip");
    registry.addImage("a/b", "1", [only], (manifest) => {
      const [first] = manifest["layers"] as { size: number }[];
      return { ...manifest, layers: [{ ...first, size: (first?.size ?? 0) - 1 }] };
    });
    expect(await rejectionOf(pull())).toContain("its manifest says");
    expect(engine.leftovers()).toEqual([]);
  });

  test("an artifact is no image", async () => {
    registry.addManifest("a/b", "1", OCI_MANIFEST, {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: "application/vnd.cncf.helm.config.v1+json",
        ...registry.addBlob("a/b", Buffer.from("{}")),
      },
      layers: [],
    });
    expect(await rejectionOf(pull())).toContain("application/vnd.cncf.helm.config.v1+json");
  });
});

describe("an index", () => {
  test("gives the platform that runs here, and names those that it has where none does", async () => {
    const only = await layer("a", "gzip");
    const digest = registry.addImage("a/b", "amd64", [only]);
    const size = JSON.stringify({}).length;
    const entry = (architecture: string, of: string, bytes: number): object => ({
      mediaType: OCI_MANIFEST,
      digest: of,
      size: bytes,
      platform: { architecture, os: "linux" },
    });
    const manifestBytes = await fetch(`http://${registry.domain}/v2/a/b/manifests/amd64`, {
      keepalive: false,
    });
    const { byteLength } = await manifestBytes.arrayBuffer();
    const index = registry.addManifest("a/b", "1", OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        entry("arm64", `sha256:${"0".repeat(64)}`, size),
        entry("amd64", digest, byteLength),
      ],
    });
    await pull();
    const image = engine.images.resolve(`${registry.domain}/a/b:1`);
    expect(image.index?.digest as string | undefined).toBe(index);
    expect(image.repoDigests).toEqual([`${registry.domain}/a/b@${index}`]);
    registry.addManifest("a/b", "2", OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [entry("s390x", digest, byteLength)],
    });
    expect(await rejectionOf(pull("2"))).toBe(
      "no matching manifest for linux/amd64 in the manifest list entries: it has linux/s390x",
    );
  });
});

describe("two at once", () => {
  test("fetch and unpack what they share once", async () => {
    const shared = await layer("a", "gzip");
    const [first, second] = await Promise.all([layer("b", "gzip"), layer("c", "gzip")]);
    registry.addImage("a/b", "1", [shared, first]);
    registry.addImage("a/b", "2", [shared, second]);
    await Promise.all([pull("1"), pull("2"), pull("1")]);
    const fetched = registry.requests.filter(
      (one) => one.method === "GET" && one.path.endsWith(digestOf(shared.bytes)),
    );
    expect(fetched).toHaveLength(1);
    expect(engine.images.list({ all: true, filters: new Map() })).toHaveLength(2);
  });

  test("one that is cancelled does not break the other", async () => {
    const shared = await layer("a", "gzip");
    registry.addImage("a/b", "1", [shared]);
    const cancel = new AbortController();
    const reference = parseImageReference(`${registry.domain}/a/b:1`);
    const cancelled = engine.images.pull(
      { reference, credentials: {} },
      ({ status }) => {
        if (status === "Downloading") cancel.abort();
      },
      cancel.signal,
    );
    const [outcome] = await Promise.allSettled([cancelled, pull("1")]);
    expect(outcome.status).toBe("rejected");
    expect(engine.images.resolve(`${registry.domain}/a/b:1`).tags).toHaveLength(1);
  });

  test("a prune beside it takes nothing away", async () => {
    const layers = await Promise.all([layer("a", "gzip"), layer("b", "gzip")]);
    registry.addImage("a/b", "1", layers);
    let isDone = false;
    const pulling = pull().finally(() => (isDone = true));
    while (!isDone) {
      await engine.images.collect();
      await engine.images.prune({ filters: new Map() }, []);
    }
    await pulling;
    expect(engine.images.audit()).toEqual([]);
  });
});
