import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ResourceExhaustedError } from "#base/errors.ts";
import { writeAll } from "./write-all.ts";

test("writeAll() writes few chunks and many, one behind the other", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wharf-write-"));
  try {
    const path = join(directory, "file");
    await using file = await open(path, "w");
    let expected = "";
    for (const count of [1, 3, 256, 257, 3000]) {
      const texts = Array.from({ length: count }, (_, index) => `${count}:${index} `);
      const text = texts.join("");
      await writeAll(
        file,
        texts.map((one) => Buffer.from(one)),
        text.length,
      );
      expected += text;
    }
    expect(readFileSync(path, "utf8")).toBe(expected);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("writeAll() says so when the disk is full", async () => {
  await using file = await open("/dev/full", "w");
  for (const count of [2, 300]) {
    const chunks = Array.from({ length: count }, () => Buffer.from("x"));
    await expect(writeAll(file, chunks, count)).rejects.toBeInstanceOf(ResourceExhaustedError);
  }
});
