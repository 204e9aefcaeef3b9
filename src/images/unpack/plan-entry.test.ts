import { expect, test } from "bun:test";
import { tarOf } from "#images/testing/archives.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import { planEntry } from "./plan-entry.ts";
import type { PushedEntry } from "#base/tar/entry-header.ts";

function read(
  tar: Buffer,
  chunkBytes: number,
): readonly (PushedEntry & { readonly body: string })[] {
  const entries: (PushedEntry & { body: string })[] = [];
  const parser = new TarPushParser({
    entry: (entry) => entries.push({ ...entry, body: "" }),
    data: (chunk) => {
      const last = entries.at(-1);
      if (last) last.body += chunk.toString();
    },
    entryEnd: () => {},
  });
  for (let at = 0; at < tar.length; at += chunkBytes)
    parser.push(tar.subarray(at, at + chunkBytes));
  parser.finish();
  return entries;
}

const LONG = `${"deep/".repeat(60)}ünï`;
const tar = await tarOf([
  {
    name: "short",
    body: "x".repeat(1000),
    uid: 3_000_000,
    mtimeNanoseconds: 1_500_000_000_250_000_000n,
  },
  { name: LONG, body: "long" },
  { name: "link", type: "symlink", linkName: LONG },
  { name: "empty", body: "" },
]);

test.each([1, 7, 511, 512, 513, 1 << 20])(
  "TarPushParser reads chunks of %i bytes",
  (chunkBytes) => {
    const entries = read(tar, chunkBytes);
    expect(entries.map((entry) => [entry.type, entry.name, entry.body.length])).toEqual([
      ["file", "short", 1000],
      ["file", LONG, 4],
      ["symbolic-link", "link", 0],
      ["file", "empty", 0],
    ]);
    expect(entries[0]).toMatchObject({
      uid: 3_000_000,
      mtimeSeconds: 1_500_000_000,
      mtimeNanos: 250_000_000,
    });
    expect(entries[2]?.linkName).toBe(LONG);
  },
);

test("TarPushParser refuses a cut, a wrong checksum and another type", () => {
  expect(() => read(tar.subarray(0, 1000), 512)).toThrow("unexpected EOF");
  const end = 512 + 1024 + 1000; // of the first body, behind a header of extensions and the entry's own
  expect(read(tar.subarray(0, end), 512).map(({ name }) => name)).toEqual(["short"]);
  expect(() => read(tar.subarray(0, end + 1), 512)).toThrow("unexpected EOF");
  const damaged = Buffer.from(tar);
  damaged[0] = 0x41;
  expect(() => read(damaged, 512)).toThrow("the checksum is wrong");
});

const entry = (name: string, type: PushedEntry["type"] = "file", linkName = ""): PushedEntry => ({
  type,
  name,
  linkName,
  sizeBytes: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: [],
});

test.each([
  ["./a//b/./c/", "/a/b/c"],
  ["/etc/passwd", "/etc/passwd"],
  ["a/../b", "/b"],
  ["..a/.b", "/..a/.b"],
])("planEntry() creates %s at %s", (name, path) => {
  expect(planEntry(entry(name))).toEqual({ kind: "create", path });
});

test("planEntry() tells whiteouts from files", () => {
  expect(planEntry(entry("a/.wh.b"))).toEqual({ kind: "whiteout", path: "/a/b" });
  expect(planEntry(entry(".wh..wh..opq"))).toEqual({ kind: "opaque", path: "/" });
  expect(planEntry(entry("a/.wh..wh..opq"))).toEqual({ kind: "opaque", path: "/a" });
  expect(planEntry(entry(".wh..wh.aufs"))).toEqual({ kind: "skip" });
  expect(planEntry(entry("a.wh.b"))).toEqual({ kind: "create", path: "/a.wh.b" });
});

test("planEntry() leaves the layer's root as it is, whoever may enter it", () => {
  expect(planEntry({ ...entry("./", "directory"), mode: 0o700, uid: 5 })).toEqual({ kind: "skip" });
  expect(() => planEntry(entry("."))).toThrow("Cannot unpack a file as the layer's root");
});

test("planEntry() keeps hard links inside", () => {
  expect(planEntry(entry("a", "hard-link", "/b/../c"))).toEqual({
    kind: "link",
    path: "/a",
    target: "/c",
  });
  expect(() => planEntry(entry("a", "hard-link", "../c"))).toThrow("leads out of the layer");
  expect(() => planEntry(entry("a/../../b"))).toThrow("leads out of the layer");
});
