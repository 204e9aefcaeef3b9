import { describe, expect, test } from "bun:test";
import { mkdtempSync, readSync, rmSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InternalError } from "#base/errors.ts";
import { type BodyLoan, BodyRestReader } from "./body-loan.ts";
import { type Call, ServerConnection } from "./connection.ts";
import type { HttpRequest } from "./incoming-request.ts";
import { RawClient } from "./testing/raw-client.ts";

/** Serves on a unix socket of its own; `clients` connect to it. */
async function serve(
  onRequest: (call: Call) => void | Promise<void>,
): Promise<AsyncDisposable & { connect(): Promise<RawClient> }> {
  const folder = mkdtempSync(join(tmpdir(), "wharf-http1-"));
  const path = join(folder, "s");
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    new ServerConnection(socket, {
      maxHeadBytes: 4096,
      commonFields: "Server: test\r\n",
      now: () => "today",
      isOpen: () => true,
      lingerMs: 10,
      onRequest: (call) => void onRequest(call),
    });
  });
  await new Promise<void>((resolve) => server.listen({ path }, resolve));
  return {
    connect: () => RawClient.connect(path),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function readText(request: HttpRequest): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

/** Answers with what came: method, target and body. */
async function echo({ request, answer }: Call): Promise<void> {
  const body = await readText(request);
  answer.end(`${request.method} ${request.url} ${body};`);
}

const GET = (path: string, ...fields: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, "Host: x", ...fields, "", ""].join("\r\n");
const POST = (path: string, ...fields: readonly string[]): string =>
  [`POST ${path} HTTP/1.1`, "Host: x", ...fields, "", ""].join("\r\n");

describe("ServerConnection", () => {
  test("answers requests sent at once in their order, though a later one would be ready first", async () => {
    const first = Promise.withResolvers<void>();
    const begun: string[] = [];
    await using server = await serve(async (call) => {
      begun.push(call.request.url);
      if (call.request.url === "/1") await first.promise;
      await echo(call);
    });
    using client = await server.connect();
    client.send(GET("/1") + POST("/2", "Content-Length: 3") + "abc" + GET("/3"));
    while (begun.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual(["/1"]);
    first.resolve();
    const text = await client.until((all) => all.includes("GET /3 ;"));
    expect(text.match(/[A-Z]+ \/[0-9] [a-z]*;/g)).toEqual(["GET /1 ;", "POST /2 abc;", "GET /3 ;"]);
    expect(text).toStartWith(
      "HTTP/1.1 200 OK\r\nServer: test\r\nDate: today\r\nContent-Length: 8\r\n\r\nGET /1 ;HTTP/1.1 200",
    );
  });

  test("answers 5,000 requests sent at once", async () => {
    let count = 0;
    await using server = await serve(({ answer }) => {
      count++;
      answer.writeHead(204);
      answer.end();
    });
    using client = await server.connect();
    client.send(GET("/").repeat(5_000) + GET("/", "Connection: close"));
    const text = (await client.end()).toString("latin1");
    expect([count, text.split("204 No Content").length - 1]).toEqual([5_001, 5_001]);
  });

  test.each([
    ["a length", POST("/", "Content-Length: 6") + "abcdef"],
    [
      "chunks",
      POST("/", "Transfer-Encoding: chunked") + "4\r\nabcd\r\n2\r\nef\r\n0\r\nT: x\r\n\r\n",
    ],
  ])("reads a body of %s that comes byte by byte", async (_kind, text) => {
    await using server = await serve(echo);
    using client = await server.connect();
    for (const byte of text) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.until((all) => all.includes(";"))).toEndWith("\r\n\r\nPOST / abcdef;");
  });

  test("HEAD has the head of GET, and nothing after it", async () => {
    await using server = await serve(({ answer }) => answer.end("body"));
    using client = await server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + GET("/", "Connection: close"));
    const [, head = "", get = ""] = (await client.end()).toString().split("HTTP/1.1 ");
    expect(head).toBe("200 OK\r\nServer: test\r\nDate: today\r\nContent-Length: 4\r\n\r\n");
    expect(get).toEndWith("Content-Length: 4\r\nConnection: close\r\n\r\nbody");
  });

  test("streams in chunks, and to HTTP/1.0 until the end of the connection", async () => {
    await using server = await serve(({ answer }) => {
      answer.flushHeaders();
      answer.write("one");
      answer.write("");
      answer.write(Buffer.from("zwö"));
      answer.end("!");
    });
    using young = await server.connect();
    young.send(GET("/", "Connection: close"));
    expect((await young.end()).toString()).toEndWith(
      "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\none\r\n4\r\nzwö\r\n1\r\n!\r\n0\r\n\r\n",
    );
    using old = await server.connect();
    old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect((await old.end()).toString()).toEndWith("Connection: close\r\n\r\nonezwö!");
  });

  test("a client of HTTP/1.0 keeps its connection where it asks for that", async () => {
    await using server = await serve(({ answer }) => answer.end("x"));
    using client = await server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    const text = (await client.end()).toString();
    expect(text.match(/Connection: .*/g)).toEqual(["Connection: keep-alive", "Connection: close"]);
  });

  test("100 Continue is said when the body is read", async () => {
    const goOn = Promise.withResolvers<void>();
    await using server = await serve(async (call) => {
      await goOn.promise;
      await echo(call);
    });
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 2", "Expect: 100-Continue"));
    goOn.resolve();
    expect(await client.until((all) => all.endsWith("\r\n\r\n"))).toBe(
      "HTTP/1.1 100 Continue\r\n\r\n",
    );
    client.send("ok" + GET("/2"));
    expect(await client.until((all) => all.includes("GET /2 ;"))).toContain("POST / ok;");
  });

  test("a refusal without 100 Continue ends the connection: the body may come, or not", async () => {
    await using server = await serve(({ answer }) => {
      answer.writeHead(409);
      answer.end("no");
    });
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 2", "Expect: 100-continue"));
    const text = (await client.end()).toString();
    expect(text).toStartWith("HTTP/1.1 409 Conflict\r\n");
    expect(text).toContain("Connection: close");
  });

  test("another expectation is refused", async () => {
    await using server = await serve(echo);
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 2", "Expect: tea"));
    expect((await client.end()).toString()).toStartWith("HTTP/1.1 417 Expectation Failed\r\n");
  });

  test("a body that nobody read is skipped, to the next request", async () => {
    await using server = await serve(({ request, answer }) => answer.end(`${request.url};`));
    using client = await server.connect();
    client.send(POST("/1", "Transfer-Encoding: chunked") + "5\r\nGET /");
    await client.until((all) => all.includes("/1;"));
    client.send("\r\n0\r\n\r\n" + POST("/2", "Content-Length: 100000"));
    await client.until((all) => all.includes("/2;"));
    client.send(Buffer.alloc(100_000));
    client.send(GET("/3"));
    expect(await client.until((all) => all.includes("/3;"))).not.toContain("400");
  });

  test.each([
    ["long", POST("/", "Content-Length: 1000000")],
    ["endless", POST("/", "Transfer-Encoding: chunked") + "100000\r\n" + "a".repeat(300_000)],
  ])("a body too %s to skip ends the connection", async (_how, text) => {
    await using server = await serve(({ answer }) => answer.end("x"));
    using client = await server.connect();
    client.send(text);
    expect((await client.end()).toString()).toEndWith("\r\n\r\nx");
  });

  test("a malformed body is told to who reads it, and ends the connection", async () => {
    await using server = await serve(async ({ request, answer }) => {
      const error: unknown = await readText(request).catch((thrown: unknown) => thrown);
      answer.writeHead(400);
      answer.end(String(error));
    });
    using client = await server.connect();
    client.send(POST("/", "Transfer-Encoding: chunked") + "2\r\nabGET /evil HTTP/1.1\r\n\r\n");
    const text = (await client.end()).toString();
    expect(text).toEndWith("malformed chunked encoding");
    expect(text.split("HTTP/1.1")).toHaveLength(2);
  });

  test("what is no request is answered as Go does, after the answers before it", async () => {
    await using server = await serve(echo);
    using client = await server.connect();
    client.send(GET("/1") + "GET /\r\n\r\n" + GET("/never"));
    const text = (await client.end()).toString();
    expect(text).toContain("GET /1 ;");
    expect(text).toEndWith(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request",
    );
  });

  test.each([
    ["goes away", (client: RawClient) => void client.socket.destroy()],
    ["half-closes", (client: RawClient) => void client.socket.end()],
  ])("who answers learns once that the client %s", async (_how, leave) => {
    const told: string[] = [];
    const begun = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    await using server = await serve((call) => {
      call.onHangUp = () => {
        told.push("hang-up");
        call.answer.end();
      };
      call.onOver = () => {
        told.push("over");
        over.resolve();
      };
      call.answer.write("begun");
      begun.resolve();
    });
    using client = await server.connect();
    client.send(GET("/"));
    await begun.promise;
    leave(client);
    await over.promise;
    expect(told).toEqual(["hang-up", "over"]);
  });

  test("all that was asked before a half-close is answered", async () => {
    await using server = await serve(async (call) => {
      await new Promise((resolve) => setImmediate(resolve));
      await echo(call);
    });
    using client = await server.connect();
    client.socket.end(GET("/1") + GET("/2") + POST("/3", "Content-Length: 1") + "a");
    const text = (await client.end()).toString();
    expect(text.match(/[A-Z]+ \/[0-9] [a-z]*;/g)).toEqual(["GET /1 ;", "GET /2 ;", "POST /3 a;"]);
    expect(text.match(/Connection: close/g)).toHaveLength(1);
  });

  test("half a request before a half-close is refused", async () => {
    await using server = await serve(echo);
    using client = await server.connect();
    client.socket.end(`${GET("/1")}GET /2 HTTP/1.1\r\nHo`);
    const text = (await client.end()).toString();
    expect(text).toContain("GET /1 ;");
    expect(text).toEndWith("400 Bad Request");
  });

  test("who reads a body learns that its client left, after what had come", async () => {
    const seen = Promise.withResolvers<readonly unknown[]>();
    const first = Promise.withResolvers<void>();
    await using server = await serve(async ({ request }) => {
      const read: unknown[] = [];
      try {
        for await (const piece of request) {
          read.push(Buffer.from(piece).toString());
          first.resolve();
        }
      } catch (error) {
        read.push(String(error));
      }
      seen.resolve(read);
    });
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 9") + "abc");
    await first.promise;
    client.socket.destroy();
    expect(await seen.promise).toEqual(["abc", "CancelledError: The client hung up"]);
  });

  test("a taken-over connection has what followed the head, and its end", async () => {
    await using server = await serve((call) => {
      const { socket } = call.request;
      socket.write(`took ${call.takeOver().toString()} `);
      socket.on("data", (bytes: Buffer) => void socket.write(bytes));
      socket.on("end", () => void socket.end(" end"));
    });
    using client = await server.connect();
    client.send(`${POST("/", "Connection: upgrade", "Upgrade: tcp")}early`);
    await client.until((all) => all.includes("early"));
    client.socket.end(GET("/_ping"));
    expect((await client.end()).toString()).toBe(`took early ${GET("/_ping")} end`);
  });

  test("an answer shorter than its head says breaks the connection", async () => {
    await using server = await serve(({ answer }) => {
      answer.writeHead(200, { "Content-Length": 5 });
      answer.write("abc");
      answer.end();
    });
    using client = await server.connect();
    client.send(GET("/1") + GET("/2"));
    expect((await client.end()).toString().split("HTTP/1.1")).toHaveLength(2);
  });

  test("a header's value cannot begin a line of its own", async () => {
    const thrown = Promise.withResolvers<unknown>();
    await using server = await serve(({ answer }) => {
      answer.writeHead(200, { "X-Name": "a\r\nX-Evil: b" });
      try {
        answer.end();
      } catch (error) {
        thrown.resolve(error);
      }
      answer.destroy();
    });
    using client = await server.connect();
    client.send(GET("/"));
    expect(await thrown.promise).toBeInstanceOf(InternalError);
    expect((await client.end()).length).toBe(0);
  });

  test("who asks on and reads no answer is not listened to any more", async () => {
    let answered = 0;
    let waiting = 0;
    await using server = await serve(({ answer, request }) => {
      answered++;
      answer.end("x".repeat(1000));
      waiting = Math.max(waiting, request.socket.writableLength);
    });
    using client = await server.connect();
    client.socket.pause();
    client.send(GET("/").repeat(3_000));
    client.socket.end(GET("/", "Connection: close"));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBeLessThan(3_001);
    client.socket.resume();
    await client.end();
    expect(answered).toBe(3_001);
    expect(waiting).toBeLessThan(256 * 1024);
  });

  test("a failure before the first byte of the body is told, after the end is none", async () => {
    await using server = await serve(({ answer }) => {
      answer.writeHead(200, { "Content-Type": "application/x-tar" });
      answer.writeHead(404, { "Content-Type": "text/plain" });
      answer.end("gone");
      answer.destroy();
    });
    using client = await server.connect();
    client.send(GET("/") + GET("/", "Connection: close"));
    const text = (await client.end()).toString();
    expect(text.match(/404 Not Found/g)).toHaveLength(2);
    expect(text).not.toContain("x-tar");
  });

  test("a slow reader has the whole of the last answer, however long that takes", async () => {
    const size = 4 * 1024 * 1024;
    const ended = Promise.withResolvers<void>();
    await using server = await serve(({ answer }) => {
      answer.end("x".repeat(size));
      setTimeout(ended.resolve, 50); // after a cut that began here would have come
    });
    using client = await server.connect();
    client.socket.pause();
    client.send(GET("/", "Connection: close"));
    await ended.promise;
    client.socket.resume();
    const text = (await client.end()).toString("latin1");
    expect(text.length - text.indexOf("\r\n\r\n") - 4).toBe(size);
  });

  test("a client that goes on sending after its last answer is cut off", async () => {
    await using server = await serve(({ answer }) => answer.end("x"));
    using client = await server.connect();
    const closed = new Promise<void>((resolve) => client.socket.once("close", () => resolve()));
    client.send(POST("/", "Content-Length: 1000000") + "abc");
    await client.end();
    const more = setInterval(() => client.socket.write("more"), 5);
    await closed;
    clearInterval(more);
  });

  test("a reader that stops holds the writer back", async () => {
    const size = 8 * 1024 * 1024;
    let peak = 0;
    await using server = await serve(async ({ answer }) => {
      const piece = Buffer.alloc(256 * 1024, 97);
      answer.writeHead(200, { "Content-Length": size });
      for (let sent = 0; sent < size; sent += piece.length) {
        if (!answer.write(piece)) await answer.drained();
        peak = Math.max(peak, answer.waitingBytes);
      }
      answer.end();
    });
    using client = await server.connect();
    client.send(GET("/", "Connection: close"));
    const all = await client.end();
    expect(all.length - all.indexOf("\r\n\r\n") - 4).toBe(size);
    expect(peak).toBeLessThan(1024 * 1024);
  });

  /** Reads what is lent as another process would, by its descriptor. */
  async function readLoan({ descriptor, rest }: BodyLoan): Promise<string> {
    const reader = new BodyRestReader(rest);
    const buffer = Buffer.alloc(64 * 1024);
    let text = "";
    while (reader.mayReadBytes > 0) {
      const length = tryRead(descriptor, buffer, reader.mayReadBytes);
      if (length === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const piece of reader.take(buffer.subarray(0, length))) {
        text += Buffer.from(piece).toString("latin1");
      }
    }
    return text;
  }

  function tryRead(descriptor: number, buffer: Buffer, most: number): number {
    try {
      return readSync(descriptor, buffer, 0, Math.min(most, buffer.length), null);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") return 0;
      throw error;
    }
  }

  test.each([
    ["a length", ["Content-Length: 200009"], (body: string) => body],
    [
      "chunks",
      ["Transfer-Encoding: chunked"],
      (body: string) =>
        `${(body.match(/[^]{1,50001}/g) ?? []).map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\nX: y\r\n\r\n`,
    ],
  ])(
    "a body by %s is lent, and the connection goes on when it is given back",
    async (_, fields, frame) => {
      const body = `beginning${"0123456789".repeat(20_000)}`;
      const wire = frame(body);
      const lent = Promise.withResolvers<boolean>();
      await using server = await serve(async (call) => {
        const { request, answer } = call;
        if (request.method === "GET") return await echo(call);
        const iterator = request[Symbol.asyncIterator]();
        const { value: first = Buffer.alloc(0) } = await iterator.next();
        const loan = await request.lend();
        lent.resolve(loan !== undefined);
        let text = Buffer.from(first).toString("latin1");
        for await (const piece of { [Symbol.asyncIterator]: () => iterator }) {
          text += Buffer.from(piece).toString("latin1");
        }
        if (loan) text += await readLoan(loan);
        loan?.giveBack();
        answer.end(String(text === body));
      });
      using client = await server.connect();
      client.send(POST("/", ...fields) + wire.slice(0, 12));
      expect(await lent.promise).toBe(true);
      client.send(wire.slice(12) + GET("/next") + POST("/", "Content-Length: 0"));
      const text = await client.until((all) => all.includes("false"));
      expect(text.match(/true|GET \/next ;|false/g)).toEqual(["true", "GET /next ;", "false"]);
      expect(text).not.toContain("Connection: close");
    },
  );

  test("a connection that is not given back ends with the answer, which a client that goes on sending reads", async () => {
    const lent = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    await using server = await serve(async ({ request, answer }) => {
      const iterator = request[Symbol.asyncIterator]();
      await iterator.next();
      expect(await request.lend()).toBeDefined();
      lent.resolve();
      await iterator.return?.();
      await answered.promise;
      answer.end("no");
    });
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 1000000") + "abc");
    await lent.promise;
    client.send("x".repeat(900_000));
    answered.resolve();
    const text = (await client.end()).toString("latin1");
    expect(text).toContain("Connection: close\r\n");
    expect(text).toEndWith("no");
  });

  test("a body that has come is not lent", async () => {
    await using server = await serve(async (call) => {
      expect(await call.request.lend()).toBeUndefined();
      await echo(call);
    });
    using client = await server.connect();
    client.send(POST("/", "Content-Length: 3") + "abc" + GET("/next"));
    expect(await client.until((all) => all.includes("GET /next ;"))).toContain("POST / abc;");
  });
});
