import { expect, test } from "bun:test";
import { failureOf } from "#client/testing/failure.ts";
import { type HttpHead, bodyFraming, readBody, readHead, sendRequest } from "./http1.ts";
import { MemoryConnection } from "./testing/memory-connection.ts";

/** Head and body of an answer that comes in these pieces. */
async function receive(
  method: string,
  ...pieces: string[]
): Promise<[HttpHead, string, MemoryConnection]> {
  const connection = new MemoryConnection(pieces);
  const head = await readHead(connection);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readBody(connection, bodyFraming(method, head))) chunks.push(chunk);
  return [head, Buffer.concat(chunks).toString(), connection];
}

const bytewise = (text: string): string[] => text.split("");

test("readBody() takes the length that the head gives and leaves the rest", async () => {
  const [head, body, connection] = await receive(
    "GET",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhelloHTTP",
  );
  expect(head).toMatchObject({ status: 200, reason: "OK", isReusable: true });
  expect(head.headers.get("x-a")).toBe("1, 2");
  expect(body).toBe("hello");
  expect(Buffer.from((await connection.read()) ?? []).toString()).toBe("HTTP");
});

test("readBody() joins chunks however they are cut", async () => {
  const text =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nnext";
  for (const pieces of [[text], bytewise(text)]) {
    const [, body, connection] = await receive("GET", ...pieces);
    expect(body).toBe("hello0123456789");
    expect(Buffer.from((await connection.read()) ?? []).toString()[0]).toBe("n");
  }
});

test("readBody() knows answers without a body and those that end with the connection", async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", ""],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n", ""],
    ["POST", "HTTP/1.1 304 Not Modified\r\n\r\n", ""],
    ["GET", "HTTP/1.0 200 OK\r\n\r\nto the end", "to the end"],
    ["GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x"],
  ];
  for (const [method, text, body] of cases) expect((await receive(method, text))[1]).toBe(body);
  expect(
    (await receive("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))[0]
      .isReusable,
  ).toBe(false);
});

test("readHead() and readBody() refuse what is no HTTP or ends early", async () => {
  const broken: readonly (readonly [string, string])[] = [
    ["SSH-2.0-OpenSSH\r\n\r\n", "malformed HTTP response"],
    ["", "unexpected EOF"],
    ["HTTP/1.1 200 OK\r\nContent-Le", "unexpected EOF"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "unexpected EOF"],
    ["HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "malformed Content-Length"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed chunked encoding"],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
      "malformed chunked encoding",
    ],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(300_000)}`, "headers are too long"],
  ];
  for (const [text, why] of broken)
    expect((await failureOf(receive("GET", text))).message).toContain(why);
});

test("sendRequest() sends a length, or chunks", async () => {
  const whole = new MemoryConnection();
  await sendRequest(whole, {
    method: "POST",
    target: "/x?a=1",
    headers: { Host: "h" },
    body: Buffer.from("{}"),
  });
  expect(whole.written).toBe("POST /x?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
  const empty = new MemoryConnection();
  await sendRequest(empty, { method: "POST", target: "/", headers: {} });
  expect(empty.written).toContain("Content-Length: 0");
  const streamed = new MemoryConnection();
  const body = (async function* () {
    yield Buffer.from("hello");
    yield new Uint8Array(0);
    yield Buffer.alloc(17, "a");
  })();
  await sendRequest(streamed, { method: "PUT", target: "/", headers: {}, body });
  const sent = `5\r\nhello\r\n11\r\n${"a".repeat(17)}\r\n0\r\n\r\n`;
  expect(streamed.written).toBe(`PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${sent}`);
});
