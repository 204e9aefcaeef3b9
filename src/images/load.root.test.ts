import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { messageOf } from "#base/errors.ts";
import { chainIdsOf, digestHex, digestOf, parseDiffId } from "#spec/digest.ts";
import type { ImageProgress } from "./images.ts";
import { configOf, dockerArchive, type ImageSpec, streamOf, tarOf } from "./testing/archives.ts";
import { type ImageEngine, openEngine } from "./testing/engine.ts";

const never = new AbortController().signal;

async function load(engine: ImageEngine, archive: Uint8Array): Promise<readonly ImageProgress[]> {
  const progress: ImageProgress[] = [];
  await engine.images.load({ source: streamOf(archive) }, (one) => progress.push(one), never);
  return progress;
}

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "",
    (error: unknown) => messageOf(error),
  );
}

const base = await tarOf([
  { name: "bin/" },
  { name: "bin/sh", body: "shell", mode: 0o4755, uid: 0, gid: 5 },
  { name: "etc/" },
  { name: "etc/old", body: "old" },
]);
const top = await tarOf([
  { name: "etc/" },
  { name: "etc/new", body: "new" },
  { name: "etc/.wh.old" },
]);
const spec: ImageSpec = { layers: [base, top], tags: ["box:1", "box:latest"] };

describe("load()", () => {
  test("takes a docker-archive, in the words of docker's stream", async () => {
    await using engine = await openEngine();
    const progress = await load(engine, await dockerArchive([spec]));
    const { id } = configOf(spec);
    const image = engine.images.resolve("box");
    expect(image.id).toBe(id);
    expect(image.tags).toEqual(["box:1", "box:latest"]);
    expect(image.sizeBytes).toBe(5 + 3 + 3);
    expect(image.layers.map((layer) => layer.digest)).toEqual([digestOf(base), digestOf(top)]);
    expect(progress.filter((one) => one.stream)).toEqual([
      { stream: "Loaded image: box:1\n" },
      { stream: "Loaded image: box:latest\n" },
    ]);
    expect(progress).toContainEqual({
      id: digestHex(digestOf(base)).slice(0, 12),
      status: "Loading layer",
      progress: { currentBytes: base.length, totalBytes: base.length },
    });
    expect(engine.events.map((event) => event.action)).toEqual(["load"]);
    engine.snapshots.prepare("container", engine.images.topChainId(image));
    const root = await engine.snapshots.mount("container");
    expect(readFileSync(join(root, "etc/new"), "utf8")).toBe("new");
    expect(() => readFileSync(join(root, "etc/old"))).toThrow("ENOENT");
    expect(statSync(join(root, "bin/sh")).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(root, "bin/sh")).gid).toBe(5);
  });

  test.each([
    ["plain", (bytes: Buffer): Uint8Array => bytes],
    ["gzip", (bytes: Buffer): Uint8Array => gzipSync(bytes)],
    ["zstd", (bytes: Buffer): Uint8Array => zstdCompressSync(bytes)],
  ])("takes a %s archive with packed layers", async (_name, pack) => {
    await using engine = await openEngine();
    await load(engine, pack(await dockerArchive([{ ...spec, packed: true }])));
    const image = engine.images.resolve("box");
    expect(image.id).toBe(configOf(spec).id);
    expect(image.layers.map((layer) => layer.mediaType)).toEqual([
      "application/vnd.oci.image.layer.v1.tar+gzip",
      "application/vnd.oci.image.layer.v1.tar+gzip",
    ]);
  });

  test.each(["xz", "bzip2"])(
    "takes an archive and layers packed by %s, and keeps them plain",
    async (program) => {
      await using engine = await openEngine();
      const packed = (bytes: Uint8Array): Buffer => {
        const { stdout, success } = Bun.spawnSync([program, "-c"], { stdin: bytes });
        expect(success).toBe(true);
        return stdout;
      };
      const diffIds = spec.layers.map((tar) => digestOf(tar));
      const archive = await dockerArchive([{ ...spec, diffIds, layers: spec.layers.map(packed) }]);
      await load(engine, packed(archive));
      const image = engine.images.resolve("box");
      expect(image.layers.map((layer) => layer.digest)).toEqual(diffIds);
      expect(image.sizeBytes).toBe(11);
      const imported = await engine.images.import(
        { source: streamOf(packed(base)), changes: [] },
        never,
      );
      expect(imported.diffIds.map(String)).toEqual([digestOf(base)]);
      const cut = packed(archive);
      expect(await failure(load(engine, cut.subarray(0, cut.length - 20)))).toContain(
        `Cannot decompress (${program})`,
      );
      const broken = Buffer.from(cut);
      broken.fill(0x55, 40, 80);
      expect(await failure(load(engine, broken))).toContain(`Cannot decompress (${program})`);
    },
  );

  test.each(["gnu", "posix"])(
    "takes sparse files of tar's format %s, holes and all",
    async (format) => {
      await using engine = await openEngine();
      const folder = mkdtempSync(join(tmpdir(), "wharf-sparse-"));
      writeFileSync(join(folder, "holes"), "start");
      truncateSync(join(folder, "holes"), 64 * 1024 * 1024);
      appendFileSync(join(folder, "holes"), "end");
      const argv = ["tar", "--sparse", `--format=${format}`, "-C", folder, "-c", "holes"];
      const tar = Bun.spawnSync(argv).stdout;
      rmSync(folder, { recursive: true });
      expect(tar.length).toBeLessThan(1024 * 1024);
      const image = await engine.images.import({ source: streamOf(tar), changes: [] }, never);
      engine.snapshots.prepare("container", engine.images.topChainId(image));
      const path = join(await engine.snapshots.mount("container"), "holes");
      const { size, blocks } = statSync(path);
      expect(size).toBe(64 * 1024 * 1024 + 3);
      expect(blocks * 512).toBeLessThan(1024 * 1024);
      const bytes = readFileSync(path);
      expect(bytes.subarray(0, 5).toString()).toBe("start");
      expect(bytes.subarray(-3).toString()).toBe("end");
      expect(image.sizeBytes).toBe(size);
    },
  );

  test("keeps a layer that images share once, and moves a tag", async () => {
    await using engine = await openEngine();
    const other: ImageSpec = { layers: [base], tags: ["box:1"] };
    const progress = await load(engine, await dockerArchive([spec, other]));
    expect(engine.snapshots.list().length).toBe(2);
    expect(engine.images.resolve("box:1").id).toBe(configOf(other).id);
    expect(engine.images.resolve("box:latest").tags).toEqual(["box:latest"]);
    expect(progress).toContainEqual({
      stream: `The image box:1 already exists, renaming the old one with ID ${configOf(spec).id} to empty string\n`,
    });
  });

  test("keeps a folder's mode and owner where an upper layer only implies it", async () => {
    await using engine = await openEngine();
    const below = await tarOf([
      { name: "tmp/", mode: 0o1777, uid: 7 },
      { name: "a/" },
      { name: "a/b/", mode: 0o700 },
    ]);
    const above = await tarOf([
      { name: "tmp/x", body: "x" },
      { name: "a/b/c/d", body: "x" },
      { name: "link", type: "symlink", linkName: "/new" },
      { name: "new/" },
      { name: "link/tmp/y", body: "" },
    ]);
    await load(engine, await dockerArchive([{ layers: [below, above], tags: ["implied:1"] }]));
    engine.snapshots.prepare("c", engine.images.topChainId(engine.images.resolve("implied:1")));
    const root = await engine.snapshots.mount("c");
    expect(statSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777);
    expect(statSync(join(root, "tmp")).uid).toBe(7);
    expect(statSync(join(root, "a/b")).mode & 0o7777).toBe(0o700);
    expect(statSync(join(root, "a/b/c")).mode & 0o7777).toBe(0o755);
  });

  test("names an image without tags by its id", async () => {
    await using engine = await openEngine();
    const untagged: ImageSpec = { layers: [base] };
    const progress = await load(engine, await dockerArchive([untagged]));
    expect(progress.at(-1)).toEqual({ stream: `Loaded image ID: ${configOf(untagged).id}\n` });
    expect(engine.images.resolve(configOf(untagged).id.slice(7, 15)).tags).toEqual([]);
  });

  test("loading twice changes nothing and two loads at once agree", async () => {
    await using engine = await openEngine();
    const archive = await dockerArchive([spec]);
    await Promise.all([load(engine, archive), load(engine, archive), load(engine, archive)]);
    const before = engine.leftovers();
    await load(engine, archive);
    expect(engine.leftovers().toSorted()).toEqual(before.toSorted());
    expect(
      engine.snapshots
        .list()
        .map((info) => info.name)
        .toSorted(),
    ).toEqual(chainIdsOf([base, top].map((tar) => parseDiffId(digestOf(tar)))).toSorted());
  });

  test("takes back what save() wrote, byte for byte the same again", async () => {
    await using engine = await openEngine();
    await load(engine, await dockerArchive([spec]));
    const saved = Buffer.concat(
      await Array.fromAsync(engine.images.save({ references: ["box"], platforms: [] }, never)),
    );
    await using other = await openEngine();
    await load(other, saved);
    expect(other.images.resolve("box:1").id).toBe(engine.images.resolve("box:1").id);
    expect(other.images.resolve("box:1").manifest.digest).toBe(
      engine.images.resolve("box:1").manifest.digest,
    );
    const again = Buffer.concat(
      await Array.fromAsync(other.images.save({ references: ["box"], platforms: [] }, never)),
    );
    expect(again.equals(saved)).toBe(true);
  });

  test("an abort in the middle leaves nothing", async () => {
    await using engine = await openEngine();
    const archive = await dockerArchive([spec]);
    const controller = new AbortController();
    const work = engine.images.load(
      { source: streamOf(archive) },
      () => controller.abort(),
      controller.signal,
    );
    expect(await failure(work)).not.toBe("");
    expect(engine.leftovers()).toEqual([]);
    expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
  });

  test("what a crash left is swept at the next start", async () => {
    await using engine = await openEngine();
    engine.snapshots.prepare("extract-7");
    engine.snapshots.prepare("extract-8");
    engine.snapshots.commit("extract-8", digestOf("chain"), 0);
    await engine.content.ingest(streamOf(base), {}, never);
    await engine.reopen();
    await engine.snapshots.settled();
    expect(engine.leftovers()).toEqual([]);
    expect(engine.snapshots.list()).toEqual([]);
  });
});
