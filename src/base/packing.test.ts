import { expect, test } from "bun:test";
import { archivePacking, peekPacking } from "./packing.ts";

test("archivePacking() knows four ways, and file names from magic numbers", () => {
  expect(archivePacking(Buffer.from("BZh91AY&SY"))).toBe("bzip2");
  expect(archivePacking(Buffer.from("BZhook.txt"))).toBe("none");
  expect(archivePacking(Buffer.from("\xfd7zXZ\0", "latin1"))).toBe("xz");
  expect(archivePacking(Buffer.from([0x1f, 0x8b, 8]))).toBe("gzip");
  expect(archivePacking(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))).toBe("zstd");
  expect(archivePacking(Buffer.alloc(0))).toBe("none");
});

test("peekPacking() gives the whole stream again, however it is cut", async () => {
  async function* cut(): AsyncIterable<Uint8Array> {
    for (const byte of Buffer.from("BZh91AY&SY-rest")) yield Buffer.of(byte);
  }
  const { packing, whole } = await peekPacking(cut());
  expect(packing).toBe("bzip2");
  const chunks: Uint8Array[] = [];
  for await (const chunk of whole) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("BZh91AY&SY-rest");
});
