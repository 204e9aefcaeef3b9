import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdInRoot, holdResolved } from "./hold-in-root.ts";
import { resolveInRoot } from "./resolve-in-root.ts";
import { readUserFiles } from "#containers/bring-up/user-files.ts";

let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-root-"));
  root = join(folder, "root");
  mkdirSync(join(root, "etc"), { recursive: true });
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(folder, "outside/passwd"), "host:x:1:1::/:");
});
afterEach(() => rmSync(folder, { recursive: true }));

function fifo(path: string): void {
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
}

describe("holdInRoot", () => {
  test("holds what a link inside the root leads to, however the path changes then", () => {
    writeFileSync(join(root, "etc/real"), "inside");
    symlinkSync("/etc/real", join(root, "etc/passwd"));
    using held = holdInRoot(root, "/etc/passwd");
    renameSync(join(root, "etc"), join(root, "moved"));
    symlinkSync(join(folder, "outside"), join(root, "etc"));
    expect(readFileSync(held?.handle ?? "", "utf8")).toBe("inside");
  });

  test("finds the tree through a link on the way to it", () => {
    writeFileSync(join(root, "etc/passwd"), "inside");
    symlinkSync(root, join(folder, "alias"));
    using held = holdInRoot(join(folder, "alias"), "/etc/passwd");
    expect(readFileSync(held?.handle ?? "", "utf8")).toBe("inside");
  });

  test("holds nothing where a folder became a link between the look and the opening", () => {
    writeFileSync(join(root, "etc/passwd"), "inside");
    const resolved = resolveInRoot(root, "/etc/passwd") ?? "";
    rmSync(join(root, "etc"), { recursive: true });
    symlinkSync(join(folder, "outside"), join(root, "etc"));
    expect(readFileSync(resolved, "utf8")).toContain("host");
    expect(holdResolved(resolved)).toBeUndefined();
    expect(holdInRoot(root, "/etc/passwd")).toBeUndefined();
  });
});

describe("resolveInRoot", () => {
  test("finds nothing below a file, past a loop or at the end of an endless name", () => {
    writeFileSync(join(root, "file"), "");
    symlinkSync("loop", join(root, "loop"));
    symlinkSync("x".repeat(300), join(root, "long"));
    for (const path of ["/file/passwd", "/loop", "/loop/passwd", "/long", "/gone/x"]) {
      expect(resolveInRoot(root, path)).toBeUndefined();
    }
  });
});

describe("readUserFiles", () => {
  test("reads what is no regular file as empty, and waits for none", () => {
    const empty = { passwd: "", group: "" };
    fifo(join(root, "etc/passwd"));
    mkdirSync(join(root, "etc/group"));
    expect(readUserFiles(root)).toEqual(empty);
    rmSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc"), "a file");
    expect(readUserFiles(root)).toEqual(empty);
    rmSync(join(root, "etc"));
    symlinkSync(join(folder, "outside"), join(root, "etc"));
    expect(readUserFiles(root)).toEqual(empty);
  });
});
