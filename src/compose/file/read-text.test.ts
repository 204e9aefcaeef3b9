import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceEach, readBytes } from "./read-text.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-read-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (path: string): string => Buffer.from(readBytes(path)).toString();

function pipe(name: string): string {
  const path = join(folder, name);
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
}

test("readBytes() reads what comes through a named pipe, also where the writer comes late", async () => {
  const path = pipe("late");
  const writer = Bun.spawn(["sh", "-c", 'printf one; exec printf two >> "$0"', path], {
    stdout: Bun.file("/dev/null"),
  });
  expect(textOf(path)).toBe("two");
  await writer.exited;
});

test("readBytes() gives a named pipe without a writer up", () => {
  const path = pipe("nobody");
  expect(() => readBytes(path, 50)).toThrow(
    `read ${path}: it is a pipe into which nobody has written for 0.05 s`,
  );
});

test("readBytes() refuses a folder", () => {
  expect(() => readBytes(folder)).toThrow(`read ${folder}: is a directory`);
});

test("onceEach() reads a file once", () => {
  const path = join(folder, "file");
  writeFileSync(path, "before");
  const read = onceEach();
  read(path);
  writeFileSync(path, "after");
  expect(Buffer.from(read(path)).toString()).toBe("before");
});
