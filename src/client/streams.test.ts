import { expect, test } from "bun:test";
import { failureOf } from "#client/testing/failure.ts";
import { parseJsonStream } from "./json-stream.ts";
import { demultiplex } from "./stdcopy.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size)
    yield new Uint8Array(bytes.subarray(at, at + size));
}

function frame(stream: number, text: string): Uint8Array {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

test("demultiplex() splits frames however they are cut", async () => {
  const bytes = Buffer.concat([
    frame(1, "out"),
    frame(2, "error"),
    frame(1, ""),
    frame(3, "engine"),
    frame(1, "end"),
  ]);
  for (const size of [1, 3, 8, 1000]) {
    const text = { stdout: "", stderr: "", error: "" };
    for await (const piece of demultiplex(pieces(bytes, size)))
      text[piece.stream] += Buffer.from(piece.payload).toString();
    expect(text).toEqual({ stdout: "outend", stderr: "error", error: "engine" });
  }
});

test("demultiplex() refuses a stream that is cut short or no frames", async () => {
  const read = async (bytes: Uint8Array): Promise<void> => {
    for await (const _piece of demultiplex(pieces(bytes, 5))) {
      // only the end matters
    }
  };
  expect((await failureOf(read(frame(1, "hello").subarray(0, 10)))).message).toContain(
    "unexpected EOF",
  );
  expect((await failureOf(read(frame(1, "hello").subarray(0, 5)))).message).toContain(
    "unexpected EOF",
  );
  expect((await failureOf(read(frame(7, "hello")))).message).toContain(
    "Unrecognized input header: 7",
  );
});

test("parseJsonStream() reads one value a line, cut anywhere, and a last one without an end", async () => {
  const bytes = Buffer.from('{"a":"ü"}\n\n{"a":2}\r\n{"a":3}');
  for (const size of [1, 4, 100]) {
    const seen: unknown[] = [];
    for await (const message of parseJsonStream<{ a: unknown }>(pieces(bytes, size)))
      seen.push(message.a);
    expect(seen).toEqual(["ü", 2, 3]);
  }
});

test("parseJsonStream() names what is no JSON", async () => {
  const read = async (): Promise<void> => {
    for await (const _message of parseJsonStream(pieces(Buffer.from("<html>\n"), 100))) {
      // never reached
    }
  };
  expect((await failureOf(read())).message).toContain('malformed JSON in the answer: "<html>"');
});
