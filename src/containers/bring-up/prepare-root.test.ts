import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeEngineMountPoints, makeInRoot, ownMountPoints } from "./prepare-root.ts";

let root: string;
let outside: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-test-root-"));
  outside = mkdtempSync(join(tmpdir(), "wharf-test-outside-"));
  mkdirSync(join(outside, "etc"));
});
afterEach(() => {
  expect(readdirSync(outside)).toEqual(["etc"]);
  expect(readdirSync(join(outside, "etc"))).toEqual([]);
  rmSync(root, { recursive: true });
  rmSync(outside, { recursive: true });
});

const make = (destination: string, isFile = false): void =>
  makeInRoot(root, { destination, isFile });

describe("makeEngineMountPoints()", () => {
  test("makes what is missing and leaves the image's files", () => {
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/hosts"), "mine");
    makeEngineMountPoints(root);
    makeEngineMountPoints(root);
    expect(readFileSync(join(root, "etc/hosts"), "utf8")).toBe("mine");
    expect(readlinkSync(join(root, "etc/mtab"))).toBe("/proc/mounts");
    expect(lstatSync(join(root, "dev/console")).isFile()).toBe(true);
    expect(readdirSync(root).sort()).toEqual([".dockerenv", "dev", "etc", "proc", "sys"]);
  });

  test("links and files in the way go, and lead nowhere", () => {
    for (const name of ["dev", "proc", "etc"]) symlinkSync(outside, join(root, name));
    writeFileSync(join(root, "sys"), "");
    makeEngineMountPoints(root);
    for (const name of ["dev/pts", "proc", "sys", "etc"]) {
      expect(lstatSync(join(root, name)).isDirectory()).toBe(true);
    }
  });

  test("links in place of the engine's files go", () => {
    mkdirSync(join(root, "etc"));
    symlinkSync(join(outside, "etc/hosts"), join(root, "etc/hosts"));
    makeEngineMountPoints(root);
    expect(lstatSync(join(root, "etc/hosts")).isFile()).toBe(true);
  });
});

describe("makeInRoot()", () => {
  test("makes folders and a file, parents included", () => {
    make("/a/b/c");
    make("/a/file", true);
    make("/a/file", true);
    expect(lstatSync(join(root, "a/b/c")).isDirectory()).toBe(true);
    expect(lstatSync(join(root, "a/file")).isFile()).toBe(true);
  });

  test("links lead on inside the root, dangling and climbing ones too", () => {
    symlinkSync("/var/lib/data", join(root, "data"));
    symlinkSync(`../../../../..${outside}/x`, join(root, "out"));
    symlinkSync("file-target", join(root, "file"));
    make("/data/deep");
    make("/out");
    make("/file", true);
    expect(existsSync(join(root, "var/lib/data/deep"))).toBe(true);
    expect(existsSync(join(root, outside, "x"))).toBe(true);
    expect(lstatSync(join(root, "file-target")).isFile()).toBe(true);
  });

  test("names a file in the way and a circle", () => {
    writeFileSync(join(root, "file"), "");
    symlinkSync("two", join(root, "one"));
    symlinkSync("one", join(root, "two"));
    expect(() => make("/file/x")).toThrow("file is not a directory");
    expect(() => make("/one/x")).toThrow("too many levels of symbolic links");
  });
});

test("ownMountPoints() leaves out what lies in other mounts", () => {
  const points = ["/a", "/a/b", "/ab", "/proc/cpuinfo", "/dev/x", "/sys/fs"].map((destination) => ({
    destination,
    isFile: false,
  }));
  expect(ownMountPoints(points).map(({ destination }) => destination)).toEqual(["/a", "/ab"]);
});
