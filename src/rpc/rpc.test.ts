import { expect, test } from "bun:test";
import { InvalidArgumentError } from "#base/errors.ts";
import { RpcClient } from "./client.ts";
import type { RpcCall, RpcMethods } from "./method.ts";
import { serveRpc } from "./server.ts";
import { StatusError } from "./status.ts";
import { MemoryConnection } from "./testing/memory-connection.ts";
import { NodeClient, serveByNode } from "./testing/node-grpc.ts";

const never = new AbortController().signal;

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

/** Our client against our server, and against another's. */
const servers = {
  "our server": (end: MemoryConnection) => void serveRpc(end, quiet, never),
  "Node's server": (end: MemoryConnection) => serveByNode(end.toDuplex(), methods),
} as const;

for (const [name, serve] of Object.entries(servers)) {
  const open = (): { readonly client: RpcClient } => {
    const [one, two] = MemoryConnection.pair();
    serve(two);
    return { client: new RpcClient(one) };
  };
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

test("another's client is served: messages of every size, values of one name, refusals, a call given up", async () => {
  const [one, two] = MemoryConnection.pair();
  void serveRpc(two, quiet, never);
  const client = new NodeClient(one.toDuplex());
  const echoed = await client.call("/t/echo", {}, [Buffer.alloc(0), BIG, Buffer.from("x")]);
  expect(echoed.messages.map((message) => message.byteLength)).toEqual([0, BIG.byteLength, 1]);
  expect(echoed.end).toBe("0");
  const told = await client.call("/t/metadata", { words: ["a, b", "c"] }, []);
  expect(Buffer.from(told.messages[0] ?? []).toString()).toBe('["a, b","c"]');
  expect((await client.call("/t/fail", {}, [])).end).toBe("3 nö: 100%");
  expect((await client.call("/t/none", {}, [])).end).toBe("12 unknown method /t/none");
  const givenUp = await client.call("/t/wait", {}, [], (stream) => stream.close(8));
  expect([givenUp.messages.length, givenUp.end]).toEqual([1, "cut off"]);
});

test("windows open again for bytes that nobody read: many calls with a body each do not stop", async () => {
  const [one, two] = MemoryConnection.pair();
  void serveRpc(two, quiet, never);
  await using client = new RpcClient(one);
  const body = Buffer.alloc(600_000);
  // 36 MB in all, past the connection's window of 16; the method reads none of it
  for (let count = 0; count < 60; count++) {
    await using stream = await client.open("/t/metadata", { words: ["x"] }, never);
    await stream.send(body);
    stream.end();
    for await (const _ of stream.messages);
  }
});

test("a call fails when the connection ends", async () => {
  const [one, two] = MemoryConnection.pair();
  const client = new RpcClient(one);
  void serveRpc(two, quiet, never);
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
