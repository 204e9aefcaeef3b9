import { describe, expect, test } from "bun:test";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { UnreadableRequestError } from "./refusal.ts";

function decode(text: string): { readonly body: string; readonly rest: string | undefined } {
  const bytes = Buffer.from(text, "latin1");
  const { pieces, end } = new ChunkedDecoder().decode(bytes);
  const rest = end === undefined ? undefined : bytes.subarray(end);
  return { body: Buffer.concat([...pieces]).toString("latin1"), rest: rest?.toString("latin1") };
}

describe("ChunkedDecoder", () => {
  test.each([
    ["0\r\n\r\n", "", ""],
    ["3\r\nabc\r\n0\r\n\r\nGET", "abc", "GET"],
    ["03 \r\nabc\r\n2\t;a=b\r\n\r\n\r\n000\r\n\r\n", "abc\r\n", ""],
    ["A\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n", "0123456789", ""],
  ])("reads %j", (text, body, rest) => {
    expect(decode(text)).toEqual({ body, rest });
  });

  test.each(["", "3", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "0\r\nX: y\r\n"])(
    "has not ended after %j",
    (text) => expect(decode(text).rest).toBeUndefined(),
  );

  test.each([
    ["\r\n", "invalid byte in chunk length"],
    ["zz\r\n", "invalid byte in chunk length"],
    ["0x3\r\n", "invalid byte in chunk length"],
    ["-3\r\n", "invalid byte in chunk length"],
    ["+3\r\n", "invalid byte in chunk length"],
    [" 3\r\n", "invalid byte in chunk length"],
    ["3 4\r\n", "invalid byte in chunk length"],
    ["FFFFFFFFFFFFFFFF\r\n", "invalid byte in chunk length"],
    ["3;a\0b\r\n", "invalid byte in chunk length"],
    ["3\nabc", "malformed chunked encoding"],
    ["3\r\r\nabc", "invalid byte in chunk length"],
    ["3\r\nabcd\r\n", "malformed chunked encoding"],
    ["3\r\nabc\n", "malformed chunked encoding"],
    ["3\r\nabc0\r\n\r\n", "malformed chunked encoding"],
    ["0\r\nno trailer\r\n\r\n", "malformed trailer"],
    ["0\r\nX: y\n\r\n", "malformed chunked encoding"],
    [`3;${"a".repeat(5000)}`, "header line too long"],
    [`0\r\n${`X: ${"a".repeat(1000)}\r\n`.repeat(70)}`, "malformed trailer"],
    [`1;${"x".repeat(1000)}\r\na\r\n`.repeat(20), "chunked encoding contains too much non-data"],
  ])("refuses %j", (text, message) => {
    expect(() => decode(text)).toThrow(UnreadableRequestError);
    expect(() => decode(text)).toThrow(message);
  });

  test("tiny chunks are no waste", () => {
    expect(decode(`${"1\r\na\r\n".repeat(20_000)}0\r\n\r\n`).body).toHaveLength(20_000);
  });
});
