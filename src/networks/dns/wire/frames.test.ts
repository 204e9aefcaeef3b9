import { expect, test } from "bun:test";
import { frameMessage, MessageFrames } from "./frames.ts";

test("MessageFrames puts messages together, however they are cut", () => {
  const bytes = Buffer.concat(["one", "", "three"].map((text) => frameMessage(Buffer.from(text))));
  for (let size = 1; size <= bytes.length; size += 1) {
    const frames = new MessageFrames();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const messages = frames.push(bytes.subarray(at, at + size)) ?? [];
      found.push(...messages.map(String));
    }
    expect(found).toEqual(["one", "", "three"]);
  }
});

test("MessageFrames refuses a message longer than allowed before it has come", () => {
  expect(new MessageFrames({ maxMessageBytes: 9 }).push(Buffer.from([0, 10]))).toBeUndefined();
});
