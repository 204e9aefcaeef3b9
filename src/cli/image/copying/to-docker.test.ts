import { afterEach, describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { readTar } from "#base/tar/reader.ts";
import { parseEndpoint } from "#client/endpoint.ts";
import { type EngineClient, openEngineClient } from "#client/engine-client.ts";
import type { ProgressMessage } from "#cli/output/progress.ts";
import { BufferOutput } from "#cli/testing/test-cli.ts";
import { showProgress } from "#cli/output/progress.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "#spec/media-types.ts";
import type { CopySource } from "./source.ts";
import { loadIntoDocker } from "./to-docker.ts";

// Docker's engine stands in by the few endpoints that a copy asks; what it was sent is taken apart.

const never = new AbortController().signal;
const LAYERS = ["lowest", "middle", "top"].map((text) => Buffer.from(text.repeat(100)));
const DIFF_IDS = LAYERS.map((bytes) => digestOf(bytes));
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: DIFF_IDS },
  }),
);

function source(): CopySource {
  const blobs = new Map<Digest, Buffer>([CONFIG, ...LAYERS].map((one) => [digestOf(one), one]));
  const described = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
  });
  return {
    id: digestOf(CONFIG),
    offer: { Manifest: { MediaType: OCI_MANIFEST, Document: "" } },
    manifest: {
      mediaType: OCI_MANIFEST,
      config: described(CONFIG, OCI_CONFIG),
      layers: LAYERS.map((bytes) => described(bytes, OCI_LAYER)),
    },
    open: (digest, offset) => {
      const bytes = blobs.get(digest) ?? Buffer.alloc(0);
      async function* stream(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(offset);
      }
      return Promise.resolve({ sizeBytes: bytes.length, stream: stream() });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface Loaded {
  readonly files: readonly string[];
  readonly tags: readonly string[] | null;
  readonly layers: number;
}

/** Docker's engine with images of these layers. */
class FakeDocker implements AsyncDisposable {
  readonly client: EngineClient;
  readonly loads: Loaded[] = [];
  readonly removed: string[] = [];
  /** Fails the load of so many, from the first on. */
  failAfter = Number.POSITIVE_INFINITY;
  readonly #images: Map<string, readonly string[]>;
  readonly #server: ReturnType<typeof Bun.serve>;

  constructor(
    images: Readonly<Record<string, readonly string[]>>,
    product = "Docker/28.5.2 (linux)",
    driverStatus: readonly (readonly [string, string])[] = [["Backing Filesystem", "extfs"]],
  ) {
    this.#images = new Map(Object.entries(images));
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const path = pathname.replace(/^\/v1\.\d+/, "");
        if (path === "/_ping") {
          return new Response("OK", { headers: { "Api-Version": "1.51", Server: product } });
        }
        if (path === "/info") return Response.json({ DriverStatus: driverStatus });
        if (path === "/images/load") return await this.#load(request);
        if (path === "/images/json") {
          const ids = [...this.#images.keys()];
          const wanted = search.includes("filters") ? ids.filter((id) => id.startsWith("s")) : ids;
          return Response.json(wanted.map((Id) => ({ Id })));
        }
        const id = /^\/images\/([^/]+)/.exec(path)?.[1] ?? "";
        if (request.method === "DELETE") {
          this.removed.push(id);
          return Response.json([]);
        }
        return Response.json({ RootFS: { Layers: this.#images.get(id) } });
      },
    });
    const endpoint = parseEndpoint(`tcp://127.0.0.1:${this.#server.port}`);
    this.client = openEngineClient({ endpoint, userAgent: "test" });
  }

  async #load(request: Request): Promise<Response> {
    if (this.loads.length >= this.failAfter) {
      await request.arrayBuffer();
      const line = JSON.stringify({
        error: "no space left",
        errorDetail: { message: "no space left" },
      });
      return new Response(line, { headers: { "Content-Type": "application/json" } });
    }
    const files: string[] = [];
    let list: { readonly RepoTags: readonly string[] | null; readonly Layers: string[] }[] = [];
    for await (const { header, body } of readTar(request.body ?? new ReadableStream())) {
      const text = Buffer.concat(await Array.fromAsync(body)).toString();
      if (header.name === "manifest.json") list = JSON.parse(text);
      else files.push(header.name);
    }
    const [{ RepoTags, Layers } = { RepoTags: null, Layers: [] }] = list;
    this.loads.push({ files, tags: RepoTags, layers: Layers.length });
    this.#images.set(`step-${this.loads.length}`, DIFF_IDS.slice(0, Layers.length));
    return new Response("", { headers: { "Content-Type": "application/json" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#server.stop(true);
  }
}

let docker: FakeDocker;
afterEach(async () => await docker[Symbol.asyncDispose]());

async function copy(): Promise<void> {
  const messages: AsyncIterable<ProgressMessage> = loadIntoDocker(
    source(),
    docker.client,
    ["web:1"],
    never,
  );
  await showProgress(messages, new BufferOutput());
}

function sentLayers(): readonly (readonly number[])[] {
  return docker.loads.map(({ files }) =>
    DIFF_IDS.flatMap((diffId, index) =>
      files.includes(`blobs/sha256/${diffId.slice("sha256:".length)}`) ? [index] : [],
    ),
  );
}

describe("loadIntoDocker()", () => {
  test("sends each missing layer by itself, the last with the image's name, and tidies up", async () => {
    docker = new FakeDocker({ other: ["sha256:0"] });
    await copy();
    expect(sentLayers()).toEqual([[0], [1], [2]]);
    expect(docker.loads.map(({ tags }) => tags)).toEqual([null, null, ["web:1"]]);
    expect(docker.removed).toEqual(["step-1", "step-2", "step-3"]);
  });

  test("sends nothing but the name where all layers are there", async () => {
    docker = new FakeDocker({ same: DIFF_IDS });
    await copy();
    expect(sentLayers()).toEqual([[]]);
    expect(docker.loads.map(({ tags }) => tags)).toEqual([["web:1"]]);
  });

  test("goes on with the next layer where it was broken off", async () => {
    docker = new FakeDocker({});
    docker.failAfter = 2;
    expect(await rejectionOf(copy())).toContain("no space left");
    docker.failAfter = Number.POSITIVE_INFINITY;
    await copy();
    expect(sentLayers()).toEqual([[0], [1], [2]]);
  });

  test.each([
    [
      "containerd's snapshotters",
      "Docker/29.0.0 (linux)",
      [["driver-type", "io.containerd.snapshotter.v1"]],
    ],
    ["Podman", "Libpod/5.8.0 (linux)", []],
  ] as const)("sends an engine with %s one whole archive", async (_name, product, status) => {
    docker = new FakeDocker({ same: DIFF_IDS }, product, status);
    await copy();
    expect(sentLayers()).toEqual([[0, 1, 2]]);
  });
});
