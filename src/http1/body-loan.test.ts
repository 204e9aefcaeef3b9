import { describe, expect, test } from "bun:test";
import { type BodyRest, BodyRestReader } from "./body-loan.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { UnreadableRequestError } from "./refusal.ts";

const NEXT = "GET /next HTTP/1.1\r\n";

/** Reads as a connection gives bytes, at most `stepBytes` at once. */
function readRest(
  rest: BodyRest,
  wire: string,
  stepBytes: number,
): { readonly body: string; readonly left: string; readonly reads: number } {
  const bytes = Buffer.from(wire, "latin1");
  const reader = new BodyRestReader(rest);
  let body = "";
  let at = 0;
  let reads = 0;
  for (let most = reader.mayReadBytes; most > 0 && at < bytes.length; most = reader.mayReadBytes) {
    const chunk = bytes.subarray(at, at + Math.min(most, stepBytes));
    for (const piece of reader.take(chunk)) body += Buffer.from(piece).toString("latin1");
    at += chunk.length;
    reads += 1;
  }
  return { body, left: bytes.toString("latin1", at), reads };
}

const BEGIN: BodyRest = { kind: "chunked", state: new ChunkedDecoder().state };

describe("BodyRestReader", () => {
  test.each([
    ["0\r\n\r\n", ""],
    ["000;last\r\n\r\n", ""],
    ["3\r\nabc\r\n0\r\n\r\n", "abc"],
    ["1\r\na\r\n0003 ;x=y\r\nbcd\r\n0\r\nTrailer: 1\r\nAnother:\r\n\r\n", "abcd"],
    [
      `A\r\n0\r\n\r\n0\r\n\r\n\r\n1F\r\n${"z".repeat(31)}\r\n0\r\n\r\n`,
      `0\r\n\r\n0\r\n\r\n${"z".repeat(31)}`,
    ],
  ])("takes no byte of what follows %j, wherever it begins and however it is cut", (wire, body) => {
    for (let begun = 0; begun < wire.length; begun += 1) {
      const decoder = new ChunkedDecoder();
      const { pieces } = decoder.decode(Buffer.from(wire.slice(0, begun), "latin1"));
      const head = Buffer.concat([...pieces]).toString("latin1");
      for (const stepBytes of [1, 2, 3, 7, 1000]) {
        const rest: BodyRest = { kind: "chunked", state: decoder.state };
        const read = readRest(rest, wire.slice(begun) + NEXT, stepBytes);
        expect({ ...read, reads: 0 }).toEqual({
          body: body.slice(head.length),
          left: NEXT,
          reads: 0,
        });
      }
    }
  });

  test("a chunk takes one read, its size coming with the one before", () => {
    const chunk = `8000\r\n${"x".repeat(0x8000)}\r\n`;
    const { reads, left } = readRest(BEGIN, `${chunk.repeat(100)}0\r\n\r\n${NEXT}`, 1024 * 1024);
    expect(left).toBe(NEXT);
    expect(reads).toBeLessThan(105);
  });

  test("a length is kept to", () => {
    const read = readRest({ kind: "length", bytes: 5 }, `abcde${NEXT}`, 3);
    expect(read).toEqual({ body: "abcde", left: NEXT, reads: 2 });
  });

  test("what a decoder refuses is refused", () => {
    expect(() => readRest(BEGIN, "3\r\nabcd\r\n0\r\n\r\n", 1000)).toThrow(UnreadableRequestError);
    expect(() => readRest(BEGIN, `1;${"x".repeat(5000)}\r\n`, 1000)).toThrow(
      "header line too long",
    );
  });
});
