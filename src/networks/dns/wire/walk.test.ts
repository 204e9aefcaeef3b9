import { expect, test } from "bun:test";
import fc from "fast-check";
import { endOfName, endOfPlainName, findOpt, hasWholeRecords } from "./walk.ts";

const HEADER = Buffer.alloc(12);
const message = (hex: string) => Buffer.concat([HEADER, Buffer.from(hex, "hex")]);

test.each([
  ["a name", "0377777700", 17],
  ["the root", "00", 13],
  ["no end", "03777777", -1],
  ["a label that reaches out", "0a7777", -1],
  ["a pointer", "c00c", -1],
  ["a label of 64 bytes", `40${"61".repeat(64)}00`, -1],
  ["a name of 257 bytes", `${`3f${"61".repeat(63)}`.repeat(4)}00`, -1],
])("endOfPlainName() of %s", (_, hex, end) => {
  expect(endOfPlainName(message(hex), 12)).toBe(end);
});

test.each([
  ["a pointer backwards", "016100c00c", 15, 17],
  ["a label and a pointer", "0161000162c00c", 15, 19],
  ["a pointer to itself", "c00c", 12, -1],
  ["a circle of two", "c00ec00c", 14, -1],
  ["a pointer forwards", "c00e0000", 12, -1],
  ["a pointer into the header", "c000", 12, -1],
  ["half a pointer", "c0", 12, -1],
  ["a kind of label that there is not", "8000", 12, -1],
])("endOfName() of %s", (_, hex, start, end) => {
  expect(endOfName(message(hex), start)).toBe(end);
});

test("a record whose data reach beyond the message is malformed", () => {
  const bytes = message("00002900000000000000020000");
  bytes.writeUInt16BE(1, 10);
  expect(hasWholeRecords(bytes, 12)).toBe(true);
  bytes.writeUInt16BE(2, 10);
  expect(hasWholeRecords(bytes, 12)).toBe(false);
  expect(hasWholeRecords(bytes.subarray(0, -1), 12)).toBe(false);
  expect(findOpt(bytes, 12, 1)).toMatchObject({ type: 41 });
  expect(findOpt(bytes, 12, 2)).toBe("malformed");
});

test("endOfName() ends on any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), (bytes, start) => {
      expect(endOfName(Buffer.from(bytes), start)).toBeLessThanOrEqual(bytes.length);
    }),
  );
});
