import { expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import { ChangeWatch } from "./change-watch.ts";
import { openLibc } from "./ffi/libc.ts";

test("ChangeWatch.onceChanged() tells once of a write, a rename and another file in place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wharf-test-changes-"));
  using watch = new ChangeWatch(openLibc());
  const path = join(folder, "log");
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      watch.onceChanged(path, resolve);
    });
  try {
    expect(() => watch.onceChanged(path, () => undefined)).toThrow(NotFoundError);
    writeFileSync(path, "");
    let calls = 0;
    watch.onceChanged(path, () => void calls++);
    const others = [changed(), changed()];
    appendFileSync(path, "a");
    appendFileSync(path, "b");
    await Promise.all(others);
    expect(calls).toBe(1);
    const forgotten = watch.onceChanged(path, () => void calls++);
    forgotten[Symbol.dispose]();
    const renamed = changed();
    renameSync(path, `${path}.1`);
    await renamed;
    writeFileSync(path, "");
    writeFileSync(`${path}.tmp`, "");
    const replaced = changed();
    renameSync(`${path}.tmp`, path);
    await replaced;
    expect(calls).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
