import { expect, test } from "bun:test";
import { hasInterpreter } from "./elf.ts";

/** A little-endian 64-bit executable with program headers of these types. */
function elf(...types: readonly number[]): Uint8Array {
  const file = Buffer.alloc(64 + 56 * types.length);
  file.writeUInt32BE(0x7f454c46, 0);
  file[4] = 2;
  file[5] = 1;
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(types.length, 56);
  for (const [index, type] of types.entries()) file.writeUInt32LE(type, 64 + 56 * index);
  return file;
}

test("hasInterpreter() tells what needs libraries from what does not", () => {
  expect(hasInterpreter(elf(1, 1))).toBe(false);
  expect(hasInterpreter(elf(6, 3, 1))).toBe(true);
  expect(hasInterpreter(Buffer.from("#!/bin/sh\n"))).toBe(false);
  expect(hasInterpreter(elf(1, 3).subarray(0, 110))).toBe(false);
});
