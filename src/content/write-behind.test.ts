import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ResourceExhaustedError } from "#base/errors.ts";
import { WriteBehind } from "./write-behind.ts";

const CHUNK_BYTES = 300_000;

test("WriteBehind writes chunks in their order, and tells how far it is", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wharf-behind-"));
  try {
    const path = join(directory, "file");
    await using file = await open(path, "w");
    const told: number[] = [];
    const writer = new WriteBehind(file, (bytes) => told.push(bytes));
    const chunks = Array.from({ length: 150 }, (_, index) =>
      Buffer.alloc(CHUNK_BYTES, `${index},`),
    );
    for (const chunk of chunks) await writer.add(chunk);
    await writer.finish();
    expect(readFileSync(path).equals(Buffer.concat(chunks))).toBe(true);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(chunks.length * CHUNK_BYTES);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("WriteBehind says so when the disk is full, at the latest when it is finished", async () => {
  await using file = await open("/dev/full", "w");
  const writer = new WriteBehind(file, () => undefined);
  await writer.add(Buffer.alloc(2 * 1024 * 1024));
  await expect(writer.finish()).rejects.toBeInstanceOf(ResourceExhaustedError);
  await writer.settled();
});
