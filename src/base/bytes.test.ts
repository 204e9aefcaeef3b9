import { expect, test } from "bun:test";
import { concatBytes, latin1Text } from "./bytes.ts";

test("concatBytes() joins parts, views and empty ones among them", () => {
  const view = new Uint8Array([9, 2, 3, 9]).subarray(1, 3);
  expect([...concatBytes([new Uint8Array([1]), new Uint8Array(0), view])]).toEqual([1, 2, 3]);
  expect(concatBytes([]).length).toBe(0);
});

test("latin1Text() gives each byte of the range as one character", () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  expect(latin1Text(every, 0, 256)).toBe(Buffer.from(every).toString("latin1"));
  expect(latin1Text(every, 65, 68)).toBe("ABC");
  expect(latin1Text(every, 65, 65)).toBe("");
});
