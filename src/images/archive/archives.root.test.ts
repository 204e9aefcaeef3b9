import { describe, expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { configOf, type Member, streamOf, tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import { type Digest, digestHex, digestOf } from "#spec/digest.ts";

const never = new AbortController().signal;
const OCI = "application/vnd.oci.image";

async function load(engine: ImageEngine, members: readonly Member[]): Promise<string> {
  let text = "";
  const archive = await tarOf(members);
  await engine.images.load(streamOf(archive), ({ stream }) => (text += stream ?? ""), never);
  return text;
}

interface Blob {
  readonly digest: Digest;
  readonly size: number;
  readonly member: Member;
}

function blobOf(content: Buffer | object): Blob {
  const body = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const digest = digestOf(body);
  const member = { name: `blobs/sha256/${digestHex(digest)}`, body };
  return { digest, size: body.length, member };
}

async function ociImage(
  text: string,
): Promise<{ readonly id: Digest; readonly blobs: readonly Blob[]; readonly manifest: Blob }> {
  const tar = await tarOf([{ name: "file", body: text }]);
  const { id, config } = configOf({ layers: [tar] });
  const layer = blobOf(tar);
  const configBlob = blobOf(config);
  const manifest = blobOf({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: {
      mediaType: `${OCI}.config.v1+json`,
      digest: configBlob.digest,
      size: configBlob.size,
    },
    layers: [{ mediaType: `${OCI}.layer.v1.tar`, digest: layer.digest, size: layer.size }],
    annotations: { kept: "byte for byte" },
  });
  return { id, blobs: [layer, configBlob, manifest], manifest };
}

function layout(manifests: readonly object[], blobs: readonly Blob[]): readonly Member[] {
  return [
    { name: "oci-layout", body: `{"imageLayoutVersion":"1.0.0"}` },
    { name: "index.json", body: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...blobs.map((blob) => blob.member),
  ];
}

function descriptor(blob: Blob, kind: string, more: object = {}): object {
  return { mediaType: `${OCI}.${kind}.v1+json`, digest: blob.digest, size: blob.size, ...more };
}

describe("an OCI layout", () => {
  test("is loaded under its annotations' names, its manifest kept as it came", async () => {
    await using engine = await openEngine();
    const first = await ociImage("first");
    const second = await ociImage("second");
    const third = await ociImage("third");
    const text = await load(
      engine,
      layout(
        [
          descriptor(first.manifest, "manifest", {
            annotations: { "io.containerd.image.name": "docker.io/library/first:1" },
          }),
          descriptor(second.manifest, "manifest", {
            annotations: { "org.opencontainers.image.ref.name": "reg.example/second:2" },
          }),
          descriptor(third.manifest, "manifest", {
            annotations: { "org.opencontainers.image.ref.name": "latest" },
          }),
        ],
        [...first.blobs, ...second.blobs, ...third.blobs],
      ),
    );
    expect(text).toBe("Loaded image: first:1\nLoaded image: reg.example/second:2\n");
    const image = engine.images.resolve("first:1");
    expect(image.id).toBe(first.id);
    expect(image.manifest.digest).toBe(first.manifest.digest);
    expect(
      Buffer.from(await engine.content.readBytes(image.manifest.digest, 9999)).toString(),
    ).toBe(first.manifest.member.body?.toString() ?? "");
    expect(engine.images.resolve("reg.example/second:2").id).toBe(second.id);
    expect(engine.images.resolve(third.id).tags).toEqual([]);
  });

  test("of nested indexes gives the image for this platform", async () => {
    await using engine = await openEngine();
    const own = await ociImage("own");
    const other = await ociImage("other");
    const inner = blobOf({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: [
        descriptor(other.manifest, "manifest", {
          platform: { os: "linux", architecture: "arm64" },
        }),
        descriptor(own.manifest, "manifest", { platform: { os: "linux", architecture: "amd64" } }),
        descriptor(blobOf(Buffer.from("absent")), "manifest", {
          platform: { os: "unknown", architecture: "unknown" },
        }),
      ],
    });
    const outer = blobOf({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: [descriptor(inner, "index")],
    });
    await load(
      engine,
      layout(
        [
          descriptor(outer, "index", {
            annotations: { "io.containerd.image.name": "docker.io/library/multi:1" },
          }),
        ],
        [...own.blobs, ...other.blobs, inner, outer],
      ),
    );
    const image = engine.images.resolve("multi:1");
    expect(image.id).toBe(own.id);
    expect(image.index?.digest).toBe(outer.digest);
    expect(engine.images.list({ all: true, filters: new Map() }).length).toBe(1);
  });

  test("whose few indexes name one another a billion times is refused, and others get their turn", async () => {
    await using engine = await openEngine();
    const indexOf = (manifests: readonly object[]): Blob =>
      blobOf({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests });
    const levels = [indexOf([])];
    for (let level = 0; level < 6; level++) {
      const below = levels.at(-1) ?? indexOf([]);
      levels.push(indexOf(Array.from({ length: 50 }, () => descriptor(below, "index"))));
    }
    const top = levels.at(-1) ?? indexOf([]);
    let turns = 0;
    const turn = setInterval(() => turns++, 0);
    const error: unknown = await load(engine, layout([descriptor(top, "index")], levels)).catch(
      (thrown: unknown) => thrown,
    );
    clearInterval(turn);
    expect(messageOf(error)).toContain("its indexes name more than 10000 manifests");
    expect(turns).toBeGreaterThan(10);
    expect(engine.leftovers()).toEqual([]);
  });

  test("without an image for this platform says which it has", async () => {
    await using engine = await openEngine();
    const other = await ociImage("other");
    const index = blobOf({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: [
        descriptor(other.manifest, "manifest", {
          platform: { os: "linux", architecture: "s390x" },
        }),
      ],
    });
    const error: unknown = await load(
      engine,
      layout([descriptor(index, "index")], [...other.blobs, index]),
    ).catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toContain("none for linux/amd64, it has linux/s390x");
    expect(engine.leftovers()).toEqual([]);
  });
});

describe("an archive from before docker 1.10", () => {
  const bottom = "1".repeat(64);
  const top = "2".repeat(64);

  test("is loaded with the config that docker made of it", async () => {
    await using engine = await openEngine();
    const lower = await tarOf([{ name: "a", body: "a" }]);
    const upper = await tarOf([{ name: "b", body: "b" }]);
    const version1 = (id: string, parent?: string): object => ({
      id,
      ...(parent ? { parent } : {}),
      created: "2014-10-01T20:46:08.914288461Z",
      container_config: { Cmd: ["/bin/sh", "-c", `#(nop) ADD ${id.slice(0, 1)}`] },
      docker_version: "1.9.1",
      config: { Cmd: ["/a"] },
      architecture: "amd64",
      os: "linux",
      Size: 5,
    });
    const text = await load(engine, [
      { name: `${bottom}/VERSION`, body: "1.0" },
      { name: `${bottom}/json`, body: JSON.stringify(version1(bottom)) },
      { name: `${bottom}/layer.tar`, body: lower },
      { name: `${top}/json`, body: JSON.stringify(version1(top, bottom)) },
      { name: `${top}/layer.tar`, body: upper },
      { name: "repositories", body: JSON.stringify({ old: { latest: top, v1: top } }) },
    ]);
    expect(text).toBe("Loaded image: old:latest\nLoaded image: old:v1\n");
    const image = engine.images.resolve("old");
    expect(image.diffIds.map(String)).toEqual([digestOf(lower), digestOf(upper)]);
    expect(engine.images.history("old").map((step) => step.createdBy)).toEqual([
      "/bin/sh -c #(nop) ADD 2",
      "/bin/sh -c #(nop) ADD 1",
    ]);
    expect(Buffer.from(await engine.content.readBytes(image.id, 99_999)).toString()).toBe(
      `{"architecture":"amd64","config":{"Cmd":["/a"]},"container_config":{"Cmd":["/bin/sh","-c","#(nop) ADD 2"]},` +
        `"created":"2014-10-01T20:46:08.914288461Z","docker_version":"1.9.1","history":[` +
        `{"created":"2014-10-01T20:46:08.914288461Z","created_by":"/bin/sh -c #(nop) ADD 1"},` +
        `{"created":"2014-10-01T20:46:08.914288461Z","created_by":"/bin/sh -c #(nop) ADD 2"}],` +
        `"os":"linux","rootfs":{"type":"layers","diff_ids":["${digestOf(lower)}","${digestOf(upper)}"]}}`,
    );
  });

  test.each([
    ["names a layer that is missing", { old: { latest: bottom } }, "is not in it"],
    ["names a path", { old: { latest: "../../etc" } }, "is no layer ID"],
    ["names itself as parent", { old: { latest: top } }, "max depth exceeded"],
  ])("that %s is refused", async (_name, repositories, message) => {
    await using engine = await openEngine();
    const error: unknown = await load(engine, [
      { name: `${top}/json`, body: JSON.stringify({ id: top, parent: top }) },
      { name: `${top}/layer.tar`, body: await tarOf([]) },
      { name: "repositories", body: JSON.stringify(repositories) },
    ]).catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toContain(message);
    expect(engine.leftovers()).toEqual([]);
  });
});
