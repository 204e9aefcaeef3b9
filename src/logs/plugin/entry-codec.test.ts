import { describe, expect, test } from "bun:test";
import type { LogEntry } from "#logs/logs.ts";
import { decodeEntries, encodeEntry } from "./entry-codec.ts";

const ENTRY: LogEntry = {
  stream: "stdout",
  timeNanos: 1_700_000_000_123_456_789n,
  bytes: Buffer.from("hello\n"),
  isPartial: false,
};
const PIECE: LogEntry = {
  ...ENTRY,
  stream: "stderr",
  bytes: Buffer.from("a piece"),
  isPartial: true,
  part: { id: "abc", ordinal: 300, isLast: false },
};

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function decoded(bytes: Buffer, size: number): Promise<readonly LogEntry[]> {
  return (await Array.fromAsync(decodeEntries(chunksOf(bytes, size)))).flat();
}

describe("log entries for plugins", () => {
  test("encodeEntry() is Docker's protobuf, with its length before it", () => {
    expect(encodeEntry(ENTRY).toString("hex")).toBe(
      "000000190a067374646f757410959a97ece39fe7cb171a0568656c6c6f",
    );
  });

  test.each([1, 3, 1000])(
    "decodeEntries() reads them back from chunks of %d bytes",
    async (size) => {
      const last = { ...PIECE, bytes: Buffer.from("end\n"), isPartial: false };
      const ended: LogEntry = { ...last, part: { id: "abc", ordinal: 301, isLast: true } };
      const all = [ENTRY, PIECE, ended];
      expect(await decoded(Buffer.concat(all.map(encodeEntry)), size)).toEqual(all);
    },
  );

  test.each([["ffffffff"], ["0000000401020304"], ["000000021a7f"], ["00000001ff"], ["0000"]])(
    "decodeEntries() refuses %s",
    (hex) => {
      expect(decoded(Buffer.from(hex, "hex"), 100)).rejects.toThrow("malformed log entry");
    },
  );
});
