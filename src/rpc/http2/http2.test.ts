import { expect, test } from "bun:test";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import { InvalidArgumentError } from "#base/errors.ts";
import type { RpcCall, RpcMethods } from "#rpc/method.ts";
import { RpcClient } from "#rpc/client.ts";
import { serveRpc } from "#rpc/server.ts";
import { StatusError } from "#rpc/status.ts";
import { encodeFields, FieldDecoder } from "./hpack.ts";
import { decodeHuffman } from "./huffman.ts";
import { type ByteConnection, Http2Peer } from "./peer.ts";
import { PeerRpcClient } from "./peer-client.ts";
import { servePeerRpc } from "./peer-server.ts";

const never = new AbortController().signal;

/** One end of a pair: bytes that it writes are read at the other. */
class MemoryEnd implements ByteConnection {
  other: MemoryEnd | undefined;
  readonly #chunks: Uint8Array[] = [];
  #isClosed = false;
  #wake = Promise.withResolvers<void>();

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) return chunk;
      if (this.#isClosed) return undefined;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    // in pieces, as a network would
    for (let at = 0; at < bytes.byteLength; at += 1000) {
      this.other?.take(bytes.slice(at, at + 1000));
    }
    return Promise.resolve();
  }

  take(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#wake.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake.resolve();
    const { other } = this;
    this.other = undefined;
    other?.close();
  }
}

function pair(): readonly [MemoryEnd, MemoryEnd] {
  const [one, two] = [new MemoryEnd(), new MemoryEnd()];
  one.other = two;
  two.other = one;
  return [one, two];
}

/** As `node:http2` wants it. */
function duplexOf(end: MemoryEnd): Duplex {
  return new Duplex({
    read() {
      end.read().then(
        (chunk) => this.push(chunk ?? null),
        () => this.push(null),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      void end.write(chunk).then(() => done());
    },
    destroy(_error, done) {
      end.close();
      done(null);
    },
  });
}

const BIG = Buffer.alloc(5_000_000, "big");

const methods: RpcMethods = new Map([
  [
    "/t/echo",
    async function* echo(call: RpcCall) {
      for await (const message of call.requests) yield message;
    },
  ],
  [
    "/t/metadata",
    async function* tell(call: RpcCall) {
      yield Buffer.from(JSON.stringify(call.metadata.get("words")));
    },
  ],
  [
    "/t/fail",
    async function* fail() {
      yield* [];
      throw new InvalidArgumentError("nö: 100%");
    },
  ],
  [
    "/t/wait",
    async function* wait(call: RpcCall) {
      yield Buffer.from("begun");
      await new Promise((_, reject) => {
        call.signal.addEventListener("abort", () => reject(call.signal.reason), { once: true });
      });
    },
  ],
]);

const quiet = { methods, onFailure: () => undefined };

/** Each of ours against each of Node's, and against itself. */
const pairs = {
  "ours against ours": () => {
    const [one, two] = pair();
    return { client: new PeerRpcClient(one), served: servePeerRpc(two, quiet, never) };
  },
  "our client against Node's server": () => {
    const [one, two] = pair();
    return { client: new PeerRpcClient(one), served: serveRpc(duplexOf(two), quiet, never) };
  },
  "Node's client against our server": () => {
    const [one, two] = pair();
    return { client: new RpcClient(duplexOf(one)), served: servePeerRpc(two, quiet, never) };
  },
} as const;

for (const [name, open] of Object.entries(pairs)) {
  test(`${name}: messages of every size go both ways`, async () => {
    const { client } = open();
    await using stream = await client.open("/t/echo", {}, never);
    const messages = [Buffer.alloc(0), Buffer.from("x"), BIG, Buffer.alloc(16_384, "y")];
    const sending = (async () => {
      for (const message of messages) await stream.send(message);
      stream.end();
    })();
    const came: number[] = [];
    for await (const message of stream.messages) came.push(message.byteLength);
    await sending;
    expect(came).toEqual(messages.map((message) => message.byteLength));
  });

  test(`${name}: values of one name stay apart; many calls run at once`, async () => {
    const { client } = open();
    const words = ["a, b", "c", "x".repeat(20_000)];
    const calls = Array.from({ length: 150 }, async (_, index) => {
      await using stream = await client.open(
        "/t/metadata",
        { words: [`${index}`, ...words] },
        never,
      );
      stream.end();
      for await (const message of stream.messages) return Buffer.from(message).toString();
      return "";
    });
    const said = await Promise.all(calls);
    expect(said[0]).toBe(JSON.stringify(["0", ...words]));
    expect(said[149]).toBe(JSON.stringify(["149", ...words]));
  });

  test(`${name}: refusals have their code and words; what is given up ends on both sides`, async () => {
    const { client } = open();
    const failure = async (method: string): Promise<unknown> => {
      await using stream = await client.open(method, {}, never);
      stream.end();
      try {
        for await (const _ of stream.messages);
      } catch (error) {
        return error instanceof StatusError ? [error.status.code, error.message] : error;
      }
      return undefined;
    };
    expect(await failure("/t/fail")).toEqual([3, "nö: 100%"]);
    expect(await failure("/t/none")).toEqual([12, "unknown method /t/none"]);
    const giving = new AbortController();
    await using stream = await client.open("/t/wait", {}, giving.signal);
    stream.end();
    const messages: string[] = [];
    const reading = (async () => {
      for await (const message of stream.messages) {
        messages.push(Buffer.from(message).toString());
        giving.abort();
      }
    })();
    expect(
      await reading.then(
        () => "ended",
        () => "cut off",
      ),
    ).toBe("cut off");
    expect(messages).toEqual(["begun"]);
    expect(await failure("/t/fail")).toEqual([3, "nö: 100%"]);
  });
}

test("a call fails when the connection ends", async () => {
  const [one, two] = pair();
  const client = new PeerRpcClient(one);
  void servePeerRpc(two, quiet, never);
  await using stream = await client.open("/t/wait", {}, never);
  stream.end();
  let said = "";
  try {
    for await (const _ of stream.messages) one.close();
  } catch (error) {
    said = String(error);
  }
  expect(said).toContain("ended");
  expect(client.open("/t/echo", {}, never)).rejects.toThrow();
});

test("FieldDecoder reads what another encoder packs: every character, and fields of before", async () => {
  const server = createServer();
  const [one, two] = pair();
  const codes = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const all = `<${codes.join("")}>`;
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "x-all": all });
    stream.end();
  });
  server.emit("connection", duplexOf(two));
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
