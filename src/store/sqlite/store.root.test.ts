import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmdirSync } from "node:fs";
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

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
