import { expect, test } from "bun:test";
import { cleanHardlinkTarget, cleanMemberPath } from "./member-path.ts";

test("cleanMemberPath() puts absolute and roundabout paths below the target", () => {
  const cases: Readonly<Record<string, string>> = {
    "a/b": "a/b",
    "./a": "a",
    "/etc/passwd": "etc/passwd",
    "//a///b/": "a/b",
    "a/../b": "b",
    "/../../x": "x",
    "./": "",
    "/": "",
    ".": "",
    "..a/b..": "..a/b..",
  };
  for (const [name, path] of Object.entries(cases)) expect(cleanMemberPath(name)).toBe(path);
});

test("cleanMemberPath() refuses what leads out", () => {
  for (const name of ["..", "../x", "a/../../x", "./../x", "a/b/../../../c"]) {
    expect(() => cleanMemberPath(name)).toThrow("leaves the target folder");
  }
  expect(() => cleanMemberPath("a\0b")).toThrow("NUL");
  expect(() => cleanMemberPath("x".repeat(256))).toThrow("file name is too long");
  expect(() => cleanMemberPath("x/".repeat(3000))).toThrow("path is too long");
});

test("cleanHardlinkTarget() refuses what leads out and the root", () => {
  expect(cleanHardlinkTarget("b", "/a")).toBe("a");
  expect(() => cleanHardlinkTarget("b", "../a")).toThrow("leaves the target folder");
  expect(() => cleanHardlinkTarget("b", "/")).toThrow("links to a folder");
});
