import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type FileKind, writeGoMode } from "#spec/buildkit/go-file-mode.ts";
import type { FileStat } from "#spec/buildkit/session.ts";
import { FolderWriter } from "./folder-writer.ts";
import { followPaths } from "./follow-paths.ts";
import { ContextWalk } from "./walk-context.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-folders-"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function make(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), name);
  }
}

function walk(includes: readonly string[], excludes: readonly string[]): readonly string[] {
  return [...new ContextWalk(root, { includes, excludes }).files()].map(({ path }) => path);
}

test("ContextWalk tells folders before what is in them, and only what is wanted", () => {
  make("a.b", "a/x", "b/c/d", "b/e", "z");
  expect(walk([], [])).toEqual(["a", "a/x", "a.b", "b", "b/c", "b/c/d", "b/e", "z"]);
  expect(walk(["b/c"], [])).toEqual(["b", "b/c", "b/c/d"]);
  expect(walk(["none"], [])).toEqual([]);
  expect(walk([], ["b", "!b/e"])).toEqual(["a", "a/x", "a.b", "b", "b/e", "z"]);
  expect(walk(["b"], ["**/d"])).toEqual(["b", "b/c", "b/e"]);
  expect(walk(["*.b"], ["*.b"])).toEqual([]);
});

test("ContextWalk tells a file's second name as a link to the first, and no owners", () => {
  make("one");
  linkSync(join(root, "one"), join(root, "two"));
  symlinkSync("one", join(root, "link"));
  const stats = [...new ContextWalk(root, { includes: [], excludes: [] }).files()];
  expect(stats.map(({ path, linkName, uid }) => [path, linkName, uid])).toEqual([
    ["link", "one", 0],
    ["one", "", 0],
    ["two", "one", 0],
  ]);
});

test("followPaths() finds what links lead to, by wildcards too, and never leaves the folder", () => {
  make("real/file", "other/x.c", "other/y.h");
  symlinkSync("real", join(root, "dir"));
  symlinkSync("../../../etc/passwd", join(root, "out"));
  symlinkSync("loop", join(root, "loop"));
  expect(followPaths(root, ["dir/file"])).toEqual(["dir", "real/file"]);
  expect(followPaths(root, ["other/*.c"])).toEqual(["other/x.c"]);
  expect(followPaths(root, ["out"])).toEqual(["etc/passwd", "out"]);
  expect(followPaths(root, ["loop"])).toEqual(["loop"]);
  expect(followPaths(root, ["real", "."])).toBeUndefined();
});

function stat(path: string, kind: FileKind, more: Partial<FileStat> = {}): FileStat {
  return {
    path,
    mode: writeGoMode(kind, 0o755),
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

test("FolderWriter writes over and beside what is there, and nothing elsewhere", () => {
  const out = join(root, "out");
  make("outside/kept", "out/kept", "out/file/was-a-folder");
  symlinkSync("../outside", join(out, "link"));
  using writer = new FolderWriter(out);
  writer.announce(stat("file", "file", { sizeBytes: 3 }));
  writer.announce(stat("link", "directory"));
  writer.announce(stat("link/x", "file", { sizeBytes: 1 }));
  expect(writer.takeRequests(9)).toEqual([0, 2]);
  writer.write(0, Buffer.from("new"));
  writer.write(0, new Uint8Array());
  writer.write(2, Buffer.from("x"));
  writer.write(2, new Uint8Array());
  writer.finish();
  expect(readFileSync(join(out, "file"), "utf8")).toBe("new");
  expect(readFileSync(join(out, "link/x"), "utf8")).toBe("x");
  expect(existsSync(join(out, "kept"))).toBe(true);
  expect(readdirSync(join(root, "outside"))).toEqual(["kept"]);
});

test("FolderWriter refuses names that lead out, through links too", () => {
  using writer = new FolderWriter(join(root, "out"));
  writer.announce(stat("link", "symlink", { linkName: ".." }));
  for (const name of ["../x", "/x", "a/../x", "", ".", "link/x", "none/x", "a\0b"]) {
    expect(() => writer.announce(stat(name, "directory"))).toThrow("The engine sent a file called");
  }
  writer.announce(stat("hard", "file", { linkName: "../../etc/passwd" }));
  expect(() => writer.finish()).toThrow("The engine sent a file called");
  expect(() => writer.write(9, Buffer.from("x"))).toThrow("was not asked for");
  expect(() => writer.announce(stat("device", "device"))).toThrow("is a device");
});
