import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmdirSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ResourceExhaustedError } from "#base/errors.ts";
import { SqliteStore } from "./store.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-store-"));
  run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
});
afterEach(() => {
  run("umount", folder);
  rmdirSync(folder);
});

describe("SqliteStore on a full disk", () => {
  test("a write fails as resource-exhausted, and the next smaller one works", () => {
    using store = SqliteStore.open(join(folder, "state.db"));
    const notes = store.collection<string>({
      name: "notes",
      version: 1,
      indexes: { all: () => ["x"] },
    });
    const tooBig = "x".repeat(2 << 20);
    notes.put("a", "1");
    expect(() => notes.put("big", tooBig)).toThrow(ResourceExhaustedError);
    const both = (): void => {
      notes.put("b", "2");
      notes.put("big", tooBig);
    };
    expect(() => store.transaction(both)).toThrow(ResourceExhaustedError);
    notes.put("c", "3");
    expect(notes.findBy("all", "x").map(([key]) => key)).toEqual(["a", "c"]);
  });
});

describe("SqliteStore with its reserve, on a full disk", () => {
  const NOTES = { name: "notes", version: 1, indexes: { all: () => ["x"] } };

  test("changes, deletes and opens anew when not one byte is left", () => {
    run("mount", "-o", "remount,size=40m", folder);
    const path = join(folder, "state.db");
    const keys = Array.from({ length: 300 }, (_, index) => `key${index}`);
    {
      using store = SqliteStore.open(path);
      const notes = store.collection<string>(NOTES);
      for (const key of keys) notes.put(key, "x".repeat(2000));
      fillDisk();
      for (let round = 0; round < 10; round++) {
        for (const key of keys) notes.put(key, `${round}`.repeat(2000));
      }
      for (const key of keys.slice(0, 100)) expect(notes.delete(key)).toBe(true);
    }
    fillDisk();
    {
      using store = SqliteStore.open(path);
      const notes = store.collection<string>(NOTES);
      expect(notes.count()).toBe(200);
      expect(notes.get("key200")).toBe("9".repeat(2000));
      for (const key of keys) notes.delete(key);
      expect(notes.count()).toBe(0);
    }
  });

  function fillDisk(): void {
    const descriptor = openSync(join(folder, "filler"), "a");
    for (const size of [1 << 20, 4096, 1]) {
      const bytes = Buffer.alloc(size, 1);
      try {
        for (;;) writeSync(descriptor, bytes);
      } catch (error) {
        expect(String(error)).toContain("ENOSPC");
      }
    }
    closeSync(descriptor);
  }
});

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
