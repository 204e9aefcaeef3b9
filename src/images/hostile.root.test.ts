import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "#base/errors.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { configOf, dockerArchive, type Member, streamOf, tarOf } from "./testing/archives.ts";
import { type EngineOptions, type ImageEngine, openEngine } from "./testing/engine.ts";

const never = new AbortController().signal;
/** A folder outside of every layer, which must stay as it is. */
let outside = "";

beforeAll(() => {
  outside = mkdtempSync(join(tmpdir(), "wharf-outside-"));
  writeFileSync(join(outside, "victim"), "untouched");
});
afterAll(() => rmSync(outside, { recursive: true, force: true }));

async function loadError(engine: ImageEngine, archive: Uint8Array): Promise<string> {
  try {
    await engine.images.load({ source: streamOf(archive) }, () => {}, never);
    return "";
  } catch (error) {
    return messageOf(error);
  }
}

function checkNothingLeft(engine: ImageEngine): void {
  expect(engine.leftovers()).toEqual([]);
  expect(engine.snapshots.list()).toEqual([]);
  expect(engine.images.list({ all: true, filters: new Map() })).toEqual([]);
  expect(readdirSync(outside)).toEqual(["victim"]);
  expect(readFileSync(join(outside, "victim"), "utf8")).toBe("untouched");
}

async function refused(
  archive: Uint8Array,
  message: string,
  options?: EngineOptions,
): Promise<void> {
  await using engine = await openEngine(options);
  expect(await loadError(engine, archive)).toContain(message);
  await engine.snapshots.settled();
  checkNothingLeft(engine);
}

async function imageOf(members: readonly Member[]): Promise<Buffer> {
  return await dockerArchive([{ layers: [await tarOf(members)], tags: ["evil:1"] }]);
}

describe("a layer is refused, with nothing left,", () => {
  const cases: readonly (readonly [string, readonly Member[], string])[] = [
    ["with ../ in a name", [{ name: "../../x", body: "x" }], "it leads out of the layer"],
    ["with a/../../ in a name", [{ name: "a/../../x", body: "x" }], "it leads out of the layer"],
    [
      "with a hard link out",
      [{ name: "x", type: "hardlink", linkName: "../../../../etc/passwd" }],
      "it leads out of the layer",
    ],
    [
      "with a hard link to what is not in it",
      [{ name: "x", type: "hardlink", linkName: "/etc/passwd" }],
      "no such file in the layer",
    ],
    ["with a whiteout of ..", [{ name: "a/.wh..." }], "it names no file"],
    ["with a whiteout of .", [{ name: "a/.wh.." }], "it names no file"],
    ["with a whiteout of nothing", [{ name: ".wh." }], "it names no file"],
    [
      "with a file below a file",
      [
        { name: "a", body: "" },
        { name: "a/b", body: "" },
      ],
      "ENOTDIR",
    ],
    [
      "with a name that no file system takes",
      [{ name: "n".repeat(300), body: "" }],
      "ENAMETOOLONG",
    ],
    ["with a path over 4096 bytes", [{ name: "abcdefg/".repeat(600), body: "" }], "longer than"],
    [
      "with overlayfs's own marks",
      [{ name: "a/", xattrs: new Map([["trusted.overlay.redirect", Buffer.from("/etc")]]) }],
      "is not allowed",
    ],
    [
      "with a symbolic link as its root",
      [{ name: "/", type: "symlink", linkName: "/etc" }],
      "root",
    ],
  ];
  test.each(cases)("%s", async (_name, members, message) => {
    await refused(await imageOf(members), message);
  });

  test("with more entries than allowed", async () => {
    const members = Array.from({ length: 50 }, (_, index) => ({ name: `f${index}` }));
    await refused(await imageOf(members), "more than 20 entries", { limits: { maxEntries: 20 } });
  });

  test("that unpacks to more than allowed", async () => {
    const archive = await imageOf([{ name: "a", body: Buffer.alloc(2_000_000) }]);
    await refused(archive, "more than 1000000 bytes", { limits: { maxUnpackedBytes: 1_000_000 } });
  });

  test("that would fill the disk", async () => {
    const archive = await imageOf([{ name: "a", body: "x" }]);
    await refused(archive, "no space left", { limits: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
  });
});

describe("what a layer may do stays inside", () => {
  test("absolute names, and symbolic links that are written through", async () => {
    await using engine = await openEngine();
    const archive = await imageOf([
      { name: "/absolute", body: "in" },
      { name: "escape", type: "symlink", linkName: outside },
      { name: "up", type: "symlink", linkName: "../../../../../../../../tmp" },
      { name: "tmp/" },
      { name: "up/through", body: "in" },
      { name: "passwd", type: "symlink", linkName: join(outside, "victim") },
      { name: "passwd", body: "replaced, not followed" },
    ]);
    expect(await loadError(engine, archive)).toBe("");
    const { images, snapshots } = engine;
    const layer = snapshots.layerDirectory(images.topChainId(images.resolve("evil:1")) ?? "");
    expect(readFileSync(join(layer, "absolute"), "utf8")).toBe("in");
    expect(readFileSync(join(layer, "tmp/through"), "utf8")).toBe("in");
    expect(lstatSync(join(layer, "passwd")).isFile()).toBe(true);
    expect(readdirSync(outside)).toEqual(["victim"]);
    expect(readFileSync(join(outside, "victim"), "utf8")).toBe("untouched");
  });

  test("writing through a symbolic link out is refused", async () => {
    const archive = await imageOf([
      { name: "escape", type: "symlink", linkName: outside },
      { name: "escape/victim", body: "overwritten" },
    ]);
    await refused(archive, "Cannot unpack");
    expect(existsSync(join(outside, "victim"))).toBe(true);
  });

  test("device nodes, which containers may not open, are made as docker makes them", async () => {
    await using engine = await openEngine();
    const archive = await imageOf([
      { name: "null", type: "character-device", deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
      { name: "disk", type: "block-device", deviceMajor: 259, deviceMinor: 1000, mode: 0o600 },
      { name: "pipe", type: "fifo" },
    ]);
    expect(await loadError(engine, archive)).toBe("");
    const { images, snapshots } = engine;
    const layer = snapshots.layerDirectory(images.topChainId(images.resolve("evil:1")) ?? "");
    expect(lstatSync(join(layer, "null")).rdev).toBe(0x103);
    expect(lstatSync(join(layer, "disk")).isBlockDevice()).toBe(true);
    expect(lstatSync(join(layer, "disk")).rdev).toBe(
      ((1000 & ~0xff) << 12) | (259 << 8) | (1000 & 0xff),
    );
    expect(lstatSync(join(layer, "pipe")).isFIFO()).toBe(true);
  });

  test("100,000 entries", async () => {
    await using engine = await openEngine({ isInMemory: true });
    const members = Array.from({ length: 100_000 }, (_, index) => ({
      name: index % 1000 === 0 ? `d${index / 1000}/` : `d${Math.floor(index / 1000)}/f${index}`,
    }));
    expect(await loadError(engine, await imageOf(members))).toBe("");
    await engine.images.remove("evil:1", { force: false, pruneParents: true }, []);
    await engine.snapshots.settled();
    checkNothingLeft(engine);
  }, 60_000);
});

describe("an archive is refused, with nothing left,", () => {
  const layers = async (): Promise<readonly Buffer[]> => [await tarOf([{ name: "a", body: "x" }])];

  test("cut short", async () => {
    const archive = await imageOf([{ name: "a", body: Buffer.alloc(3_000_000, "x") }]);
    await refused(archive.subarray(0, 2_000_000), "unexpected EOF");
    await refused(gzipSync(archive).subarray(0, -100), "unexpected EOF");
  });

  test("with a layer cut short", async () => {
    const [tar = Buffer.alloc(0)] = await layers();
    const { config } = configOf({ layers: [tar] });
    const manifest = [{ Config: "c", RepoTags: ["evil:1"], Layers: ["l"] }];
    const archive = (body: Uint8Array): Promise<Buffer> =>
      tarOf([
        { name: "c", body: config },
        { name: "l", body },
        { name: "manifest.json", body: JSON.stringify(manifest) },
      ]);
    await refused(await archive(gzipSync(tar).subarray(0, -4)), "unexpected EOF");
    await refused(await archive(tar.subarray(0, 700)), "unexpected EOF");
    await refused(await archive(Buffer.from("no tar at all".repeat(100))), "tar");
    await refused(await archive(Buffer.concat([gzipSync(tar).subarray(0, 20), tar])), "gzip");
  });

  test("with a layer that is not the one its config names", async () => {
    const wrong = `sha256:${"0".repeat(64)}`;
    const archive = await dockerArchive([
      { layers: await layers(), diffIds: [wrong], tags: ["e:1"] },
    ]);
    await refused(archive, `invalid diffID for layer 0: expected "${wrong}"`);
  });

  test("with more layers than its config names", async () => {
    const archive = await dockerArchive([{ layers: await layers(), diffIds: [], tags: ["e:1"] }]);
    await refused(archive, "history names 1 layers, rootfs 0");
  });

  const lies: readonly (readonly [string, unknown, string])[] = [
    [
      "layers outside",
      [{ Config: "c", Layers: ["../../../etc/passwd"] }],
      `layer "../../../etc/passwd"`,
    ],
    ["a config outside", [{ Config: "/etc/passwd", Layers: [] }], `config "/etc/passwd"`],
    ["no list", { Config: "c" }, "manifest.json is no list"],
    ["a wrong type", [{ Config: 5 }], "cannot unmarshal number"],
    ["a bad tag", [{ Config: "c", RepoTags: ["UPPER:x"], Layers: ["l"] }], "must be lowercase"],
    [
      "a tag without a tag",
      [{ Config: "c", RepoTags: ["name"], Layers: ["l"] }],
      `invalid tag "name"`,
    ],
    ["a huge config", [{ Config: "huge", Layers: ["l"] }], "the limit is 8388608"],
    ["a loop of links", [{ Config: "loop", Layers: ["l"] }], `config "loop"`],
    ["too many images", Array.from({ length: 2000 }, () => ({ Config: "c" })), "over 1024"],
  ];
  test.each(lies)("whose manifest.json has %s", async (_name, manifest, message) => {
    const [tar = Buffer.alloc(0)] = await layers();
    const archive = await tarOf([
      { name: "c", body: configOf({ layers: [tar] }).config },
      { name: "l", body: tar },
      { name: "huge", body: Buffer.alloc(9_000_000, " ") },
      { name: "loop", type: "symlink", linkName: "loop" },
      { name: "manifest.json", body: JSON.stringify(manifest) },
    ]);
    await refused(archive, message);
  });

  test("without a manifest", async () => {
    await refused(await tarOf([{ name: "bin/" }]), "neither manifest.json nor index.json");
    await refused(Buffer.from("x"), "tar");
    await refused(Buffer.alloc(0), "neither manifest.json nor index.json");
  });

  test("whose OCI blobs are not what their names say", async () => {
    const manifest = Buffer.from("{}");
    const descriptor = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf("something else"),
      size: manifest.length,
    };
    const archive = await tarOf([
      { name: `blobs/sha256/${digestHex(descriptor.digest)}`, body: manifest },
      { name: "index.json", body: JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }) },
    ]);
    await refused(archive, `has digest ${digestOf(manifest)}`);
  });
});
