import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileStat } from "#spec/buildkit/session.ts";
import { type FileKind, readGoMode, writeGoMode } from "#spec/buildkit/go-file-mode.ts";
import { type TreeIndex, TreeUpdate } from "./tree-update.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-tree-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function stat(path: string, kind: FileKind, more: Partial<FileStat> = {}): FileStat {
  return {
    path,
    mode: writeGoMode(kind, kind === "directory" ? 0o755 : 0o644),
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    modifiedNanos: 1_700_000_000_000_000_000n,
    linkName: "",
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...more,
  };
}

/** Plays a client that has these files. @returns What was asked for. */
function play(
  old: TreeIndex,
  files: readonly (readonly [FileStat, string?])[],
): { readonly index: TreeIndex; readonly asked: readonly string[] } {
  using update = new TreeUpdate(join(root, "tree"), old, () => {});
  mkdirSync(join(root, "tree"), { recursive: true });
  for (const [one, content = ""] of files) update.announce({ ...one, sizeBytes: content.length });
  const asked: string[] = [];
  for (const id of update.takeRequests(1000)) {
    const [file, content = ""] = files[id] ?? [];
    asked.push(file?.path ?? "");
    update.write(id, Buffer.from(content));
    update.write(id, new Uint8Array());
  }
  expect(update.openFiles).toBe(0);
  return { index: update.finish(), asked };
}

test("TreeUpdate asks only for what is new or has changed, and removes what is gone", () => {
  const link = stat("l", "symlink", { linkName: "/etc/passwd" });
  const first = play(new Map(), [
    [stat("a", "directory")],
    [stat("a/b", "file", { mode: writeGoMode("file", 0o4751) }), "one"],
    [stat("a/gone", "file"), "x"],
    [stat("e", "file")],
    [stat("h", "file", { linkName: "a/b" })],
    [link],
  ]);
  expect(first.asked).toEqual(["a/b", "a/gone"]);
  const tree = join(root, "tree");
  expect(readFileSync(join(tree, "a/b"), "utf8")).toBe("one");
  expect(lstatSync(join(tree, "a/b")).mode & 0o7777).toBe(0o4751);
  expect(lstatSync(join(tree, "a")).mtimeMs).toBe(1_700_000_000_000);
  expect(lstatSync(join(tree, "h")).ino).toBe(lstatSync(join(tree, "a/b")).ino);
  const second = play(first.index, [
    [stat("a", "directory")],
    [stat("a/b", "directory")],
    [stat("a/b/c", "file"), "two"],
    [stat("e", "file")],
    [link],
  ]);
  expect(second.asked).toEqual(["a/b/c"]);
  expect(readdirSync(tree).toSorted()).toEqual(["a", "e", "l"]);
  expect(readdirSync(join(tree, "a"))).toEqual(["b"]);
  expect(play(second.index, [[stat("a", "directory")]]).asked).toEqual([]);
  expect(readdirSync(tree)).toEqual(["a"]);
});

test("TreeUpdate writes nowhere else, whatever the names and links", () => {
  mkdirSync(join(root, "outside"));
  const refused: readonly (readonly FileStat[])[] = [
    [stat("../outside/x", "file")],
    [stat("/outside/x", "file")],
    [stat("a/../../outside/x", "file")],
    [stat(".", "directory")],
    [stat("a//b", "file")],
    [stat("a\0b", "file")],
    [stat("x".repeat(5000), "file")],
    [stat("a", "symlink", { linkName: "../outside" }), stat("a/x", "file")],
    [stat("b", "file"), stat("a", "file")],
    [stat("a", "file"), stat("a", "file")],
    [stat("a", "file", { linkName: "../outside/x" })],
    [stat("a", "device")],
  ];
  for (const files of refused) {
    rmSync(join(root, "tree"), { recursive: true, force: true });
    expect(() =>
      play(
        new Map(),
        files.map((one) => [one] as const),
      ),
    ).toThrow();
  }
  expect(readdirSync(join(root, "outside"))).toEqual([]);
  // a link in the folder from before is no folder either
  rmSync(join(root, "tree"), { recursive: true, force: true });
  const before = play(new Map(), [[stat("a", "symlink", { linkName: "../outside" })]]);
  play(before.index, [[stat("a", "directory")], [stat("a/x", "file"), "x"]]);
  expect(existsSync(join(root, "outside/x"))).toBe(false);
});

test("TreeUpdate refuses content that nobody asked for, and more than was announced by far", () => {
  mkdirSync(join(root, "tree"));
  using update = new TreeUpdate(join(root, "tree"), new Map(), () => {});
  expect(() => update.write(0, Buffer.from("x"))).toThrow("was not asked for");
  update.announce(stat("a", "file", { sizeBytes: 1 }));
  const chunk = Buffer.alloc(1024 * 1024);
  expect(() => {
    for (let count = 0; count < 100; count++) update.write(0, chunk);
  }).toThrow("announced 1 bytes");
});

test("writeGoMode() and readGoMode() know Go's bits", () => {
  expect(writeGoMode("directory", 0o1777)).toBe(0x80000000 + 0x100000 + 0o777);
  expect(readGoMode(0x8000000 + 0o777)).toEqual({ kind: "symlink", bits: 0o777 });
  expect(readGoMode(0x800000 + 0o755)).toEqual({ kind: "file", bits: 0o4755 });
});
