import { describe, expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { configOf, dockerArchive, type Member, streamOf, tarOf } from "#images/testing/archives.ts";
import { type ImageEngine, openEngine } from "#images/testing/engine.ts";
import { type Digest, digestHex, digestOf } from "#spec/digest.ts";
import type { Platform } from "#spec/platform.ts";

const never = new AbortController().signal;
const OCI = "application/vnd.oci.image";

async function load(
  engine: ImageEngine,
  members: readonly Member[],
  platforms: readonly Platform[] = [],
): Promise<string> {
  let text = "";
  const source = streamOf(await tarOf(members));
  await engine.images.load({ source, platforms }, ({ stream }) => (text += stream ?? ""), never);
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
  architecture = "amd64",
): Promise<{ readonly id: Digest; readonly blobs: readonly Blob[]; readonly manifest: Blob }> {
  const tar = await tarOf([{ name: "file", body: text }]);
  const { id, config } = configOf({ layers: [tar], architecture });
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

  test("of another platform alone is loaded, as docker does", async () => {
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
    const members = layout([descriptor(index, "index")], [...other.blobs, index]);
    expect(await load(engine, members)).toBe(`Loaded image ID: ${other.id}\n`);
  });
});

describe("of an archive with several platforms", () => {
  const arm: Platform = { os: "linux", architecture: "arm64" };
  const intel: Platform = { os: "linux", architecture: "amd64" };

  async function archive(): Promise<{ readonly ids: Digest[]; readonly members: Member[] }> {
    const own = await ociImage("own");
    const other = await ociImage("other", "arm64");
    const single = await ociImage("single", "arm64");
    const index = blobOf({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: [
        descriptor(own.manifest, "manifest", { platform: intel }),
        descriptor(other.manifest, "manifest"), // says it in its configuration alone
      ],
    });
    const named = (name: string) => ({ annotations: { "io.containerd.image.name": name } });
    const members = layout(
      [
        descriptor(index, "index", named("docker.io/library/multi:1")),
        descriptor(single.manifest, "manifest", named("docker.io/library/single:1")),
      ],
      [...own.blobs, ...other.blobs, ...single.blobs, index],
    );
    return { ids: [own.id, other.id, single.id], members: [...members] };
  }

  test("those of the wanted one are loaded, and no others", async () => {
    await using engine = await openEngine();
    const { ids, members } = await archive();
    expect(await load(engine, members, [intel])).toBe("Loaded image: multi:1\n");
    expect(engine.images.resolve("multi:1").id === ids[0]).toBe(true);
    expect(await load(engine, members, [arm])).toBe(
      "The image multi:1 already exists, renaming the old one with ID " +
        `${ids[0]} to empty string\nLoaded image: multi:1\nLoaded image: single:1\n`,
    );
    expect(engine.images.resolve("multi:1").id === ids[1]).toBe(true);
    expect(engine.images.resolve("single:1").id === ids[2]).toBe(true);
  });

  test("several become variants of one name; none is refused", async () => {
    await using engine = await openEngine();
    const { ids, members } = await archive();
    const failure = async (...platforms: Platform[]): Promise<string> =>
      messageOf(await load(engine, members, platforms).catch((thrown: unknown) => thrown));
    expect(await failure({ os: "linux", architecture: "s390x" })).toBe(
      "Cannot load image: the archive has none for linux/s390x, it has linux/amd64, linux/arm64",
    );
    expect(engine.leftovers()).toEqual([]);
    expect(await load(engine, members, [arm, intel])).toBe(
      "Loaded image: multi:1\nLoaded image: single:1\n",
    );
    expect(engine.images.resolve("multi:1").id === ids[1]).toBe(true);
    expect(engine.images.resolve("multi:1", intel).id === ids[0]).toBe(true);
    const shown = engine.images.list({ all: true, filters: new Map() });
    expect(shown.flatMap(({ tags }) => tags).toSorted()).toEqual(["multi:1", "single:1"]);
    const again = engine.images.save({ references: ["multi:1"], platforms: [] }, never);
    await using other = await openEngine();
    await other.images.load({ source: again }, () => undefined, never);
    expect(other.images.resolve("multi:1", arm).id === ids[1]).toBe(true);
    expect(other.images.resolve("multi:1", intel).id === ids[0]).toBe(true);
    await other.images.remove("multi:1", { force: false, pruneParents: true }, []);
    expect(other.leftovers()).toEqual([]);
  });

  test("a docker-archive is held against the configurations", async () => {
    await using engine = await openEngine();
    const spec = { layers: [await tarOf([{ name: "file", body: "1" }])] };
    const bytes = await dockerArchive([
      { ...spec, tags: ["arm:1"], architecture: "arm64" },
      { ...spec, tags: ["intel:1"] },
    ]);
    const loaded = await engine.images.load(
      { source: streamOf(bytes), platforms: [arm] },
      () => {},
      never,
    );
    expect(loaded.map((image) => image.tags)).toEqual([["arm:1"]]);
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
