import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveInRoot } from "./resolve-in-root.ts";

let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-resolve-"));
  mkdirSync(join(root, "var/lib/data"), { recursive: true });
  symlinkSync("/etc", join(root, "absolute"));
  symlinkSync("../../../../etc", join(root, "var/up"));
  symlinkSync("lib/data", join(root, "var/inside"));
  symlinkSync("b", join(root, "a"));
  symlinkSync("a", join(root, "b"));
  writeFileSync(join(root, "file"), "");
});
afterAll(() => rmSync(root, { recursive: true }));

describe("resolveInRoot()", () => {
  test.each([
    ["/var/lib/data", "/var/lib/data"],
    ["/var/inside/x", "/var/lib/data/x"],
    ["/absolute/passwd", "/etc/passwd"],
    ["/var/up/passwd", "/etc/passwd"],
    ["/../../..", ""],
    ["/file/below/it", "/file/below/it"],
    ["/var/./lib//../missing/../x", "/var/x"],
  ])("%s is %s below the root", (path, resolved) => {
    expect(resolveInRoot(root, path)).toBe(root + resolved);
  });

  test("refuses links in a circle", () => {
    expect(() => resolveInRoot(root, "/a/x")).toThrow("too many symbolic links");
  });
});
