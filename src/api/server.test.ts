import { describe, expect, test } from "bun:test";
import { ConflictError, InternalError, NotModifiedError } from "#base/errors.ts";
import { readRequiredJsonBody } from "./body.ts";
import { beginStream, sendJson, writePiece } from "./exchange.ts";
import { answer, hijack } from "./router.ts";
import { RawClient } from "#http1/testing/raw-client.ts";
import { request, serve } from "./testing/serve.ts";

const ROUTES = [
  answer("GET", "/thing/{id}", (exchange) =>
    sendJson(exchange, 200, { id: exchange.params["id"], version: exchange.version }),
  ),
  answer("GET", "/conflict", () => {
    throw new ConflictError("It is taken");
  }),
  answer("GET", "/same", () => {
    throw new NotModifiedError("It runs");
  }),
  answer("GET", "/bug", () => {
    throw new InternalError("secret detail");
  }),
  answer("POST", "/json", async (exchange) =>
    sendJson(exchange, 200, await readRequiredJsonBody(exchange.request)),
  ),
];

describe("ApiServer answers", () => {
  test.each([
    ["GET", "/thing/a%2Fb", 200, '{"id":"a/b","version":"1.56"}'],
    ["GET", "/v1.41/thing/x", 200, '{"id":"x","version":"1.41"}'],
    ["GET", "/nope", 404, '{"message":"page not found","kind":"not-found"}'],
    ["GET", "/v1.99/nope", 404, '{"message":"page not found","kind":"not-found"}'],
    ["DELETE", "/thing/x", 404, '{"message":"page not found","kind":"not-found"}'],
    ["GET", "/vx/thing/x", 404, '{"message":"page not found","kind":"not-found"}'],
    ["GET", "/conflict", 409, '{"message":"It is taken","kind":"conflict"}'],
    ["GET", "/same", 304, ""],
  ])("%s %s with %i", async (method, url, status, body) => {
    await using server = await serve(ROUTES);
    const got = await request(server.path, method, url);
    expect([got.status, got.body.trim()]).toEqual([status, body]);
  });

  test("too old and too new versions with Docker's sentences", async () => {
    await using server = await serve(ROUTES);
    const old = await request(server.path, "GET", "/v1.12/thing/x");
    const young = await request(server.path, "GET", "/v1.99/thing/x");
    expect([old.status, young.status]).toEqual([400, 400]);
    expect(old.body).toContain(
      "client version 1.12 is too old. Minimum supported API version is 1.24",
    );
    expect(young.body).toContain(
      "client version 1.99 is too new. Maximum supported API version is 1.56",
    );
  });

  test("nobody who left in the middle of a body, and logs no error of it", async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    await using server = await serve([
      answer("POST", "/read", async ({ request: incoming }) => {
        begun.resolve();
        await readRequiredJsonBody(incoming).finally(ended.resolve);
      }),
      answer("GET", "/thing", (exchange) => sendJson(exchange, 200, {})),
    ]);
    const client = await RawClient.connect(server.path);
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    await begun.promise;
    client.socket.destroy();
    await ended.promise;
    expect((await request(server.path, "GET", "/thing")).status).toBe(200);
    expect(server.errors).toEqual([]);
  });

  test("every request with the engine's headers", async () => {
    await using server = await serve(ROUTES);
    for (const url of ["/thing/x", "/nope", "/conflict"]) {
      const { headers } = await request(server.path, "GET", url);
      expect(headers.get("api-version")).toBe("1.56");
      expect(headers.get("ostype")).toBe("linux");
      expect(headers.get("docker-experimental")).toBe("false");
      expect(headers.get("server")).toBe("Wharf/test (linux)");
      expect(headers.get("content-type")).toBe("application/json");
    }
  });

  test("a bug without its details, which the log has", async () => {
    await using server = await serve(ROUTES);
    const got = await request(server.path, "GET", "/bug");
    expect(got.status).toBe(500);
    expect(got.body).not.toContain("secret");
    expect(server.errors.join()).toContain("secret detail");
  });

  test.each([
    ["", "application/json", "invalid JSON: got EOF while reading request body"],
    [
      "{}",
      "text/plain",
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
    ["{", "application/json", "invalid JSON: unexpected EOF"],
    ['{"a":1}{}', "application/json", "unexpected content after JSON"],
    ["[".repeat(500), "application/json", "invalid JSON: exceeded max depth"],
  ])("the body %j as %s with %j", async (body, type, message) => {
    await using server = await serve(ROUTES);
    const got = await request(server.path, "POST", "/json", {
      body,
      headers: { "Content-Type": type },
    });
    expect([got.status, JSON.parse(got.body).message]).toEqual([400, message]);
  });

  test("a request for an upgrade of an ordinary endpoint as if it asked for none", async () => {
    await using server = await serve(ROUTES);
    using client = await RawClient.connect(server.path);
    client.send("GET /thing/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    expect(await client.until((text) => text.includes("}"))).toStartWith("HTTP/1.1 200 OK");
  });
});

describe("ApiServer bounds", () => {
  test("connections: one too many is told 503", async () => {
    await using server = await serve(ROUTES, { maxConnections: 1 });
    using first = await RawClient.connect(server.path);
    first.send("GET /thing/x HTTP/1.1\r\nHost: x\r\n\r\n");
    await first.until((text) => text.includes("}"));
    using second = await RawClient.connect(server.path);
    expect((await second.end()).toString()).toContain("503 Service Unavailable");
  });

  test("the size of a head", async () => {
    await using server = await serve(ROUTES, { maxHeaderBytes: 8192 });
    using client = await RawClient.connect(server.path);
    client.send(`GET /thing/x HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`);
    expect((await client.end()).toString()).toStartWith(
      "HTTP/1.1 431 Request Header Fields Too Large\r\n",
    );
  });

  test("the time of a connection without a request", async () => {
    await using server = await serve(ROUTES, { idleTimeoutMs: 40 });
    using silent = await RawClient.connect(server.path);
    using partial = await RawClient.connect(server.path);
    partial.send("GET /thing/x HTTP/1.1\r\nHost: x\r\n");
    expect((await silent.end()).length).toBe(0);
    expect((await partial.end()).length).toBe(0);
  });

  test("what waits of a body that its handler does not read", async () => {
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let total = 0;
    await using server = await serve([
      answer("POST", "/upload", async (exchange) => {
        reached.resolve();
        await goOn.promise;
        for await (const chunk of exchange.request) total += (chunk as Uint8Array).byteLength;
        sendJson(exchange, 200, total);
      }),
    ]);
    using client = await RawClient.connect(server.path);
    const sizeBytes = 16 * 1024 * 1024;
    client.send(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
    await reached.promise;
    const flushed = Promise.withResolvers<void>();
    client.socket.write(Buffer.alloc(sizeBytes), () => flushed.resolve());
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(client.socket.writableLength).toBeGreaterThan(0); // held back
    goOn.resolve();
    await flushed.promise;
    expect(await client.until((text) => text.includes(String(sizeBytes)))).toContain("200 OK");
  });

  test("the stay of a client that uploads on after a refusal", async () => {
    await using server = await serve([
      answer("POST", "/upload", () => {
        throw new ConflictError("No room");
      }),
    ]);
    using client = await RawClient.connect(server.path);
    client.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc");
    const text = (await client.end()).toString();
    expect(text).toContain("409 Conflict");
    expect(text).toContain("No room");
  });
});

describe("ApiServer ends", () => {
  test("streams at once, and the handler learns of a client that left", async () => {
    const left = Promise.withResolvers<void>();
    const routes = [
      answer("GET", "/follow", async (exchange) => {
        beginStream(exchange, "text/plain");
        await writePiece(exchange, "begun");
        await new Promise((resolve) => exchange.signal.addEventListener("abort", resolve));
        left.resolve();
        exchange.response.end();
      }),
    ];
    await using server = await serve(routes);
    const client = await RawClient.connect(server.path);
    client.send("GET /follow HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until((text) => text.includes("begun"));
    client[Symbol.dispose]();
    await left.promise;
    using second = await RawClient.connect(server.path);
    second.send("GET /follow HTTP/1.1\r\nHost: x\r\n\r\n");
    await second.until((text) => text.includes("begun"));
    await server.server[Symbol.asyncDispose]();
    await second.end();
  });
});

const ECHO = hijack("POST", "/containers/{id}/attach", async (exchange) => {
  const body = await exchange.readJsonBody();
  const stream = exchange.accept("application/vnd.docker.raw-stream");
  if (body !== undefined) await stream.write(Buffer.from(`body ${JSON.stringify(body)} `));
  for await (const chunk of stream.input()) await stream.write(chunk);
  await stream.write(Buffer.from(" bye"));
  await stream.end();
});

describe("a taken-over connection", () => {
  test("with Upgrade begins with 101 UPGRADED and outlives the client's half-close", async () => {
    await using server = await serve([ECHO]);
    using client = await RawClient.connect(server.path);
    client.send(
      "POST /v1.41/containers/x/attach?stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ",
    );
    await client.until((text) => text.includes("early"));
    client.socket.end("late");
    const text = (await client.end()).toString();
    expect(text).toStartWith(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n",
    );
    expect(text).toEndWith("\r\n\r\nearly late bye");
  });

  test.each([
    ["at once", false],
    ["in pieces", true],
  ])("without Upgrade begins with 200 and takes raw input, sent %s", async (_how, isSplit) => {
    await using server = await serve([ECHO]);
    using client = await RawClient.connect(server.path);
    const head =
      "POST /containers/x/attach?stream=1 HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n";
    if (isSplit) {
      client.send(head.slice(0, 70));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(head.slice(70));
      await client.until((text) => text.includes("200 OK"));
    } else client.send(head);
    client.socket.end("GET /_ping HTTP/1.1\r\n\r\n");
    const text = (await client.end()).toString();
    expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(text).toEndWith("\r\n\r\nGET /_ping HTTP/1.1\r\n\r\n bye");
  });

  test("has its JSON body before the stream, by length and in chunks", async () => {
    await using server = await serve([ECHO]);
    const head =
      "POST /containers/x/attach HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";
    for (const framed of [
      'Content-Length: 7\r\n\r\n{"a":1}',
      'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
    ]) {
      using client = await RawClient.connect(server.path);
      client.send(head);
      client.socket.end(`${framed}input`);
      expect((await client.end()).toString()).toEndWith('\r\n\r\nbody {"a":1} input bye');
    }
  });

  test("refuses like any other request before it is taken over", async () => {
    await using server = await serve([
      hijack("POST", "/exec/{id}/start", async () => {
        throw new ConflictError("It runs");
      }),
    ]);
    using client = await RawClient.connect(server.path);
    client.send(
      "POST /exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    );
    const text = (await client.end()).toString();
    expect(text).toStartWith("HTTP/1.1 409 Conflict\r\n");
    expect(text).toEndWith('{"message":"It runs","kind":"conflict"}\n');
  });

  test("carries 16 MB each way unchanged, to a client that reads slowly", async () => {
    await using server = await serve([ECHO]);
    using client = await RawClient.connect(server.path);
    const sent = Buffer.alloc(16 * 1024 * 1024);
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE((at * 2654435761) >>> 0, at);
    client.send(
      "POST /containers/x/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    );
    client.socket.end(sent);
    const received = await client.end();
    const start = received.indexOf("\r\n\r\n") + 4;
    expect(received.length - start).toBe(sent.length + 4);
    expect(Bun.hash(received.subarray(start, start + sent.length))).toBe(Bun.hash(sent));
  });
});
