import { expect, test } from "bun:test";
import { ResourceExhaustedError, UnsupportedError } from "#base/errors.ts";
import { frameMessage, MESSAGE_MAX_BYTES, MessageSplitter } from "./framing.ts";

test("MessageSplitter finds the messages however the bytes come", () => {
  const messages = ["", "a", "bb".repeat(300)].map((text) => Buffer.from(text));
  const bytes = Buffer.concat(messages.map(frameMessage));
  for (const step of [1, 2, 5, 7, bytes.byteLength]) {
    const splitter = new MessageSplitter();
    const found: string[] = [];
    for (let at = 0; at < bytes.byteLength; at += step) {
      for (const one of splitter.push(bytes.subarray(at, at + step))) {
        found.push(Buffer.from(one).toString());
      }
    }
    expect(found).toEqual(messages.map(String));
    expect(splitter.isWithin).toBe(false);
  }
});

test("MessageSplitter refuses a length over the limit before it has come, and compression", () => {
  const long = Buffer.alloc(5);
  long.writeUInt32BE(MESSAGE_MAX_BYTES + 1, 1);
  expect(() => [...new MessageSplitter().push(long)]).toThrow(ResourceExhaustedError);
  expect(() => [...new MessageSplitter().push(Buffer.from([1, 0, 0, 0, 0]))]).toThrow(
    UnsupportedError,
  );
});
