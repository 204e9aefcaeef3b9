// Bytes that no HTTP client would send, and what proxies and hand-made clients do send: answered as docker's server does, or
// refused where two readers could understand two things.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { sendRaw } from "../../harness/api/raw-http.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ images: [] });
});
afterAll(async () => await engine[Symbol.asyncDispose]());

/** All that is answered until the engine ends the connection, or falls silent for `lingerMs`. */
async function answerTo(text: string, lingerMs = 20_000): Promise<string> {
  const wait = { lingerMs, timeoutMs: 20_000 };
  return (await sendRaw(engine.socket, Buffer.from(text, "latin1"), wait)).text;
}

const lines = (...all: readonly string[]): string => [...all, "", ""].join("\r\n");

test.each([
  ["no host", lines("GET /_ping HTTP/1.1"), "400 Bad Request: missing required Host header"],
  ["two hosts", lines("GET /_ping HTTP/1.1", "Host: a", "Host: b"), "400 Bad Request"],
  ["no request", lines("hello"), "400 Bad Request"],
  [
    "a blank before a colon",
    lines("GET /_ping HTTP/1.1", "Host: x", "A : b"),
    "400 Bad Request: invalid header name",
  ],
  ["a control character", lines("GET /_ping HTTP/1.1", "Host: x", "A: \x01"), "400 Bad Request"],
  [
    "two lengths",
    lines("POST /build HTTP/1.1", "Host: x", "Content-Length: 2", "Content-Length: 3"),
    "400 Bad Request",
  ],
  [
    "a signed length",
    lines("POST /build HTTP/1.1", "Host: x", "Content-Length: +2"),
    "400 Bad Request",
  ],
  [
    "another encoding",
    lines("POST /build HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked"),
    "501 Not Implemented",
  ],
  [
    "HTTP/3",
    lines("GET /_ping HTTP/3.0", "Host: x"),
    "505 HTTP Version Not Supported: unsupported protocol version",
  ],
  [
    "another expectation",
    lines("POST /build HTTP/1.1", "Host: x", "Expect: tea"),
    "417 Expectation Failed",
  ],
])("%s is refused in docker's words", async (_what, text, line) => {
  const answer = await answerTo(text);
  expect(answer).toStartWith(`HTTP/1.1 ${line}\r\n`);
  expect(answer).toContain("Connection: close\r\n");
});

test.each([
  [
    "both framings of a body",
    lines("POST /build HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked"),
  ],
  ["a continued header", lines("GET /_ping HTTP/1.1", "Host: x", "A: b", " c")],
  ["lines that end by LF", "GET /_ping HTTP/1.1\nHost: x\n\n"],
  [
    "a length twice",
    lines("GET /_ping HTTP/1.1", "Host: x", ...Array(2).fill("Content-Length: 0")),
  ],
])("%s is refused, where docker reads it in one of two ways", async (_what, text) => {
  expect(await answerTo(text)).toStartWith("HTTP/1.1 400 Bad Request\r\n");
});

test("requests sent at once are answered in order, absolute URLs and old clients among them", async () => {
  const answer = await answerTo(
    lines("GET /_ping HTTP/1.1", "Host: x") +
      lines("HEAD http://engine/v1.41/_ping HTTP/1.1", "Host: engine") +
      lines("GET /v1.41/containers/nobody/json HTTP/1.2", "Host: x") +
      lines("GET /_ping HTTP/1.0"),
  );
  const seen = answer.match(/HTTP\/1\.1 [0-9]+|\r\nOK|"No such[^"]*"/g) ?? [];
  expect([...seen]).toEqual([
    ...["HTTP/1.1 200", "\r\nOK", "HTTP/1.1 200", "HTTP/1.1 404"],
    ...['"No such container: nobody"', "HTTP/1.1 200", "\r\nOK"],
  ]);
});

test("a body is asked for by 100 Continue, and a malformed one is told", async () => {
  const head = ["POST /containers/create HTTP/1.1", "Host: x", "Content-Type: application/json"];
  const asking = lines(...head, "Content-Length: 2", "Expect: 100-continue");
  const waits = await answerTo(asking, 50); // then it waits for us
  expect(waits).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  const broken = await answerTo(`${lines(...head, "Transfer-Encoding: chunked")}zz\r\n{}`);
  expect(broken).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(broken).toContain("invalid byte in chunk length");
});
