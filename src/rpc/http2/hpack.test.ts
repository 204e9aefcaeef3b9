import { expect, test } from "bun:test";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { MemoryConnection } from "#rpc/testing/memory-connection.ts";
import { encodeFields, FieldDecoder } from "./hpack.ts";
import { decodeHuffman } from "./huffman.ts";
import { Http2Peer } from "./peer.ts";

test("FieldDecoder reads what another encoder packs: every character, and fields of before", async () => {
  const server = createServer();
  const [one, two] = MemoryConnection.pair();
  const codes = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const all = `<${codes.join("")}>`;
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "x-all": all });
    stream.end();
  });
  server.emit("connection", two.toDuplex());
  const peer = new Http2Peer(one, { role: "client", onStream: () => undefined });
  const running = peer.run();
  for (let count = 0; count < 3; count++) {
    const stream = peer.open([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "x"],
    ]);
    stream.end();
    for await (const _ of stream.bytes());
    expect(new Map(stream.fields).get("x-all")).toBe(all);
  }
  peer.close();
  await running;
  server.close();
});

test("FieldDecoder reads RFC 7541's examples, with and without Huffman's code", () => {
  const examples: readonly (readonly [string, string])[] = [
    [
      "828684410f7777772e6578616d706c652e636f6d",
      ":method=GET :scheme=http :path=/ :authority=www.example.com",
    ],
    [
      "828684be58086e6f2d6361636865",
      ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache",
    ],
  ];
  const packed: readonly (readonly [string, string])[] = [
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      ":method=GET :scheme=http :path=/ :authority=www.example.com",
    ],
    [
      "828684be5886a8eb10649cbf",
      ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache",
    ],
    [
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value",
    ],
  ];
  for (const list of [examples, packed]) {
    const decoder = new FieldDecoder();
    for (const [hex, wanted] of list) {
      const fields = decoder.decode(Buffer.from(hex, "hex"));
      expect(fields.map((field) => field.join("=")).join(" ")).toBe(wanted);
    }
  }
});

test("FieldDecoder and decodeHuffman() refuse what is none, and never loop", () => {
  const refused = ["ff", "80", "be", "0003", "00ff ffffff7f", "3fffff7f", "4085ffffffffff00"];
  for (const hex of refused) {
    expect(() => new FieldDecoder().decode(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toThrow();
  }
  expect(() => decodeHuffman(Buffer.from("ffffffff", "hex"))).toThrow();
  expect(
    Buffer.from(decodeHuffman(Buffer.from("f1e3c2e5f23a6ba0ab90f4ff", "hex"))).toString(),
  ).toBe("www.example.com");
  const long = [["a", "b".repeat(100_000)]] as const;
  expect(new FieldDecoder().decode(encodeFields(long))).toEqual(long);
});
