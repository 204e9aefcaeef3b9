import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { rejectionOf } from "#base/testing/rejection.ts";
import { configOf, dockerArchive, streamOf, tarOf } from "#images/testing/archives.ts";
import { type MemoryImageEngine, openMemoryEngine } from "#images/testing/memory-engine.ts";
import { seededRandom } from "#registry-client/testing/seeded-random.ts";
import { type UploadFault, UploadRegistry } from "#registry-client/testing/upload-registry.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "#spec/media-types.ts";
import { parseImageReference } from "#spec/reference.ts";

// A push completes, or fails by name; what the registry has is always whole and true.

const MAX_UPLOADS = 5; // of `openMemoryEngine()`
const never = new AbortController().signal;
let engine: MemoryImageEngine;
let registry: UploadRegistry;

beforeEach(async () => {
  [engine, registry] = await Promise.all([openMemoryEngine(), UploadRegistry.start()]);
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

function noise(name: string, length: number): Uint8Array {
  return createHash("shake256", { outputLength: length }).update(name).digest();
}

/** An image of so many layers of 100 kB. */
async function load(tag: string, layerCount: number): Promise<void> {
  const layers = await Promise.all(
    Array.from({ length: layerCount }, (_, index) =>
      tarOf([{ name: `${index}`, body: noise(`${tag} ${index}`, 100_000) }]),
    ),
  );
  const source = streamOf(await dockerArchive([{ layers, tags: [`${tag}:latest`] }]));
  await engine.images.load({ source }, () => undefined, never);
}

async function push(tag: string): Promise<void> {
  const name = `${registry.domain}/a/b:${tag}`;
  engine.images.tag(tag, name);
  const request = { reference: parseImageReference(name), credentials: {} };
  await engine.images.push(request, () => undefined, never);
}

async function pull(repository: string, architecture: string): Promise<void> {
  const reference = parseImageReference(`${registry.domain}/${repository}:1`);
  const platform = { os: "linux", architecture };
  await engine.images.pull({ reference, platform, credentials: {} }, () => undefined, never);
}

interface Document {
  readonly manifests?: readonly { readonly digest: string }[];
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
}

/** All that the registry names it has, each under its own digest. */
function expectTrueContent(): void {
  for (const [name, bytes] of registry.blobs) expect(name).toEndWith(digestOf(bytes));
  for (const [name, { bytes }] of registry.manifests) {
    const repository = name.slice(0, name.indexOf(":"));
    const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString()) as Document;
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      expect(registry.blobs.has(`${repository}@${digest}`)).toBe(true);
    }
    for (const { digest } of manifests) {
      expect(registry.manifests.has(`${repository}:${digest}`)).toBe(true);
    }
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  "faults at random, from seed %d, leave nothing untrue and nothing held",
  async (seed) => {
    const random = seededRandom(seed);
    await load("one", 3);
    let left = 2 + Math.trunc(random() * 10);
    registry.fault = ({ path }) => {
      if (path === "/v2/" || left === 0 || random() < 0.4) return undefined;
      left--;
      const kinds: readonly UploadFault[] = [
        { kind: "cut", afterBytes: Math.trunc(random() * 100_000) },
        { kind: "status", status: 503 },
        { kind: "status", status: 429, headers: { "Retry-After": "1" } },
        { kind: "unanswered" },
        { kind: "truncated" },
        { kind: "lost" },
        { kind: "corrupted" },
        { kind: "elsewhere" },
        { kind: "held", until: new Promise((resolve) => setImmediate(resolve)) },
      ];
      // a manifest that came as another is refused by what it says
      const fault = kinds[Math.trunc(random() * kinds.length)];
      return fault?.kind === "corrupted" && path.includes("/manifests/") ? undefined : fault;
    };
    const outcome = await push("one").then(
      () => "",
      (error: unknown) => (error instanceof Error ? error.message : "unknown"),
    );
    if (outcome !== "") expect(outcome).toMatch(/127\.0\.0\.1|upload|digest|status|manifest/i);
    expect(registry.manifests.has("a/b:one") || outcome !== "").toBe(true);
    expectTrueContent();
    expect(engine.content.list().filter(({ digest }) => engine.content.isLeased(digest))).toEqual(
      [],
    );
    registry.fault = () => undefined;
    await push("one");
    expect(registry.manifests.has("a/b:one")).toBe(true);
    expectTrueContent();
  },
);

test("a registry that is out of order for good is named, and nothing is held", async () => {
  await load("one", 2);
  registry.fault = ({ method }) =>
    method === "PATCH" || method === "PUT" ? { kind: "status", status: 500 } : undefined;
  expect(await rejectionOf(push("one"))).toBe("unknown: unknown");
  expect(registry.manifests.size).toBe(0);
  expect(registry.uploads.size).toBe(0);
});

test("no more blobs are sent at once than are allowed, over all pushes", async () => {
  await load("one", 6);
  await load("two", 6);
  const full = Promise.withResolvers<void>();
  const sending = new Set<string>();
  let most = 0;
  registry.fault = ({ method, path }) => {
    if (!path.includes("/uploads/") || method !== "PUT") return undefined;
    sending.add(path);
    most = Math.max(most, sending.size);
    if (sending.size >= MAX_UPLOADS) full.resolve();
    // a request of our own comes behind all that were under way
    const until = full.promise.then(async () => {
      await (await fetch(`http://${registry.domain}/v2/`, { keepalive: false })).text();
      sending.delete(path);
    });
    return { kind: "held", until };
  };
  await Promise.all([push("one"), push("two")]);
  expect(most).toBe(MAX_UPLOADS);
  expectTrueContent();
});

test("an index in an index goes out whole and byte for byte, once its platforms are here", async () => {
  const add = (bytes: Buffer): { readonly digest: string; readonly size: number } => {
    const digest = digestOf(bytes);
    registry.blobs.set(`src@${digest}`, bytes);
    return { digest, size: bytes.length };
  };
  const document = (
    type: string,
    value: object,
    tag?: string,
  ): { readonly mediaType: string; readonly digest: string; readonly size: number } => {
    // blanks that a copy by meaning would lose
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: type, ...value }, null, 3),
    );
    const digest = digestOf(bytes);
    for (const reference of [digest, ...(tag === undefined ? [] : [tag])]) {
      registry.manifests.set(`src:${reference}`, { type, bytes });
    }
    return { mediaType: type, digest, size: bytes.length };
  };
  const images = await Promise.all(
    ["amd64", "arm64", "s390x"].map(async (architecture) => {
      const layer = await tarOf([{ name: architecture, body: architecture }]);
      const { config } = configOf({ layers: [layer], architecture });
      const manifest = document(OCI_MANIFEST, {
        config: { mediaType: OCI_CONFIG, ...add(config) },
        layers: [{ mediaType: OCI_LAYER, ...add(layer) }],
      });
      return { ...manifest, platform: { os: "linux", architecture } };
    }),
  );
  const [amd64, arm64, s390x] = images;
  const inner = document(OCI_INDEX, { manifests: [arm64, s390x] });
  // one for each: the index in the index has to be found by a platform
  const named = [arm64, s390x].map((one) => ({ ...inner, platform: one?.platform }));
  document(OCI_INDEX, { manifests: [amd64, ...named] }, "1");

  for (const architecture of ["amd64", "arm64", "s390x"]) await pull("src", architecture);
  const target = `${registry.domain}/copied:1`;
  engine.images.tag(`${registry.domain}/src:1`, target);
  await engine.images.push(
    { reference: parseImageReference(target), credentials: {} },
    () => undefined,
    never,
  );
  for (const [name, { bytes }] of registry.manifests) {
    if (!name.startsWith("src:")) continue;
    expect(registry.manifests.get(`copied:${name.slice(4)}`)?.bytes.equals(bytes)).toBe(true);
  }
  expectTrueContent();

  // the same by an archive, into an engine that knows none of it
  const chunks: Uint8Array[] = [];
  for await (const chunk of engine.images.save({ references: [target], platforms: [] }, never)) {
    chunks.push(chunk);
  }
  await using other = await openMemoryEngine();
  const source = streamOf(Buffer.concat(chunks));
  await other.images.load({ source }, () => undefined, never);
  other.images.tag(target, `${registry.domain}/loaded:1`);
  await other.images.push(
    { reference: parseImageReference(`${registry.domain}/loaded:1`), credentials: {} },
    () => undefined,
    never,
  );
  expect(registry.manifests.get("loaded:1")?.bytes).toEqual(
    registry.manifests.get("src:1")?.bytes ?? Buffer.alloc(0),
  );
  expect(registry.manifests.has(`loaded:${inner.digest}`)).toBe(true);
  expectTrueContent();
});
