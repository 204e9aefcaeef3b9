import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { EINTR, type Libc, libc } from "./libc.ts";
import { pathExists, readTextFile } from "./text-files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-text-files-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("readTextFile() reads short and long files as they are", () => {
  const path = `${folder}/ä.txt`;
  for (const text of ["", "\uFEFF{}", "é".repeat(50_000)]) {
    writeFileSync(path, text);
    expect(readTextFile(path)).toBe(text);
  }
});

test("readTextFile() gives undefined for a missing file, and node's error for all else", () => {
  expect(readTextFile(`${folder}/none`)).toBeUndefined();
  expect(() => readTextFile(folder)).toThrow("EISDIR: illegal operation on a directory, read");
  writeFileSync(`${folder}/file`, "");
  const below = `${folder}/file/below`;
  expect(() => readTextFile(below)).toThrow(`ENOTDIR: not a directory, open '${below}'`);
});

test("readTextFile() reads on after a signal and a short read", () => {
  const path = `${folder}/file`;
  writeFileSync(path, "0123456789");
  const real = libc();
  let calls = 0;
  const read: Libc["call"]["read"] = (fd, buffer) =>
    calls++ % 2 === 0 ? -1 : real.call.read(fd, buffer, 3);
  const library: Libc = { call: { ...real.call, read }, errno: () => EINTR };
  expect(readTextFile(path, library)).toBe("0123456789");
});

test("pathExists() knows files, folders and their absence", () => {
  writeFileSync(`${folder}/file`, "");
  expect([folder, `${folder}/file`, `${folder}/none`].map((path) => pathExists(path))).toEqual([
    true,
    true,
    false,
  ]);
});
