import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { setImmediate } from "node:timers/promises";
import { failureOf } from "#client/testing/failure.ts";
import { ConflictError } from "#base/errors.ts";
import { type EngineClient, openEngineClient } from "./engine-client.ts";
import { EngineUnreachableError } from "./error-response.ts";

type Script = (request: string, socket: Socket, count: number) => void;

interface ScriptedEngine extends AsyncDisposable {
  readonly client: EngineClient;
  readonly requests: string[];
  readonly connections: Socket[];
  readonly pings: number;
}

/** A server on a unix socket that answers each request's head (and short body) by a script. */
async function openScripted(script: Script, apiVersion = "1.51"): Promise<ScriptedEngine> {
  const folder = mkdtempSync(`${tmpdir()}/wharf-client-`);
  const path = `${folder}/engine.sock`;
  const requests: string[] = [];
  let pings = 0;
  const connections: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.push(socket);
    socket.on("error", () => undefined);
    let waiting = "";
    socket.on("data", (bytes) => {
      waiting += bytes.toString("latin1");
      if (!waiting.includes("\r\n\r\n")) return;
      const request = waiting;
      waiting = "";
      const line = request.split("\r\n")[0] ?? "";
      const own = `Api-Version: ${apiVersion}\r\n`;
      if (line.includes("/_ping")) {
        pings += 1;
        return socket.write(answer("", own));
      }
      if (line.includes("/v1.56/") && apiVersion !== "1.56") {
        return socket.write(answer('{"message":"too new"}', own, "400 Bad Request"));
      }
      requests.push(line);
      return script(request, socket, requests.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = openEngineClient({
    endpoint: { kind: "unix", path, text: `unix://${path}` },
    userAgent: "test",
    headers: { "X-Configured": "yes" },
  });
  return {
    client,
    requests,
    connections,
    get pings() {
      return pings;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

function answer(body: string, headers = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

test("EngineClient agrees on a version once and reuses its connection", async () => {
  await using engine = await openScripted((_request, socket) => socket.write(answer("{}")));
  const { client } = engine;
  await client.getJson("/a", {
    query: {
      all: true,
      none: undefined,
      list: ["x", "y z"],
      filters: { k: ["v"] },
      empty: {},
      n: 0,
    },
  });
  await client.getJson("/b");
  expect(engine.requests).toEqual([
    "GET /v1.51/a?all=1&list=x&list=y%20z&filters=%7B%22k%22%3A%5B%22v%22%5D%7D&n=0 HTTP/1.1",
    "GET /v1.51/b HTTP/1.1",
  ]);
  expect(engine.connections.length).toBe(1);
});

test("EngineClient speaks the newest version without a ping, and an older engine's at the second try", async () => {
  await using old = await openScripted((_request, socket) => socket.write(answer("{}")));
  const sent: string[] = [];
  const jsonFor = (apiVersion: string): unknown => sent.push(apiVersion);
  await old.client.postJson("/a", { jsonFor });
  await old.client.postJson("/b", { jsonFor });
  expect(sent).toEqual(["1.56", "1.51", "1.51"]);
  expect(old.pings).toBe(0);
  await using current = await openScripted(
    (_request, socket) => socket.write(answer("{}", "Api-Version: 1.56\r\n")),
    "1.56",
  );
  await current.client.getJson("/a");
  await current.client.getJson("/b");
  expect(current.requests).toEqual(["GET /v1.56/a HTTP/1.1", "GET /v1.56/b HTTP/1.1"]);
  expect(current.pings).toBe(0);
});

test("EngineClient gives a refusal for another reason, and pings before a body that it cannot repeat", async () => {
  await using engine = await openScripted(
    (_request, socket) => socket.write(answer('{"message":"bad"}', "", "400 Bad Request")),
    "1.56",
  );
  const { client } = engine;
  expect((await failureOf(client.getJson("/a"))).message).toContain("bad");
  expect(engine.requests).toHaveLength(1);
  await using other = await openScripted((_request, socket) => socket.write(answer("")));
  const stream = (async function* () {
    yield await Promise.resolve(Buffer.from("x"));
  })();
  await other.client.send("POST", "/images/load", { stream });
  expect(other.requests).toEqual(["POST /v1.51/images/load HTTP/1.1"]);
  expect(other.pings).toBe(1);
});

test("EngineClient opens connections ahead once the engine has been reached", async () => {
  await using engine = await openScripted((_request, socket) => socket.write(answer("{}")));
  const { client } = engine;
  client.connectAhead(2);
  expect(engine.connections).toHaveLength(0);
  await client.getJson("/a");
  while (engine.connections.length < 3) await setImmediate();
  await Promise.all([client.getJson("/b"), client.getJson("/c"), client.getJson("/d")]);
  expect(engine.connections).toHaveLength(3);
});

test("EngineClient connects before it is asked anything, and asks on that connection", async () => {
  await using engine = await openScripted((_request, socket) => socket.write(answer("{}")));
  const { client } = engine;
  client.connectNow();
  while (engine.connections.length < 1) await setImmediate();
  await client.getJson("/a");
  expect(engine.connections).toHaveLength(1);
});

test("EngineClient connects anew where the engine has hung up before it was asked anything", async () => {
  await using engine = await openScripted((_request, socket) => socket.write(answer("{}")));
  const { client } = engine;
  client.connectNow();
  while (engine.connections.length < 1) await setImmediate();
  engine.connections[0]?.destroy();
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  expect(await client.postJson<object>("/a")).toEqual({});
  expect(engine.connections).toHaveLength(2);
});

test("EngineClient finds out by the request that it could not connect before", async () => {
  const endpoint = { kind: "unix", path: "/nowhere", text: "unix:///nowhere" } as const;
  await using client = openEngineClient({ endpoint, userAgent: "test", headers: {} });
  client.connectNow();
  expect(await failureOf(client.getJson("/a"))).toBeInstanceOf(EngineUnreachableError);
});

test("EngineClient sends the configured headers and JSON", async () => {
  let seen = "";
  await using engine = await openScripted((request, socket) => {
    seen = request;
    socket.write(answer('{"Id":"1"}', "", "201 Created"));
  });
  expect(await engine.client.postJson<{ Id: string }>("/c", { json: { a: "ü" } })).toEqual({
    Id: "1",
  });
  expect(seen).toContain("X-Configured: yes\r\n");
  expect(seen).toContain("Content-Type: application/json\r\n");
  expect(Buffer.from(seen.split("\r\n\r\n")[1] ?? "", "latin1").toString()).toBe('{"a":"ü"}');
});

test("EngineClient throws the class of an answer and can go on", async () => {
  await using engine = await openScripted((_request, socket, count) =>
    socket.write(count === 1 ? answer('{"message":"busy"}', "", "409 Conflict") : answer("[]")),
  );
  expect(await failureOf(engine.client.getJson("/a"))).toMatchObject({
    kind: "conflict",
    message: "Error response from daemon: busy",
  });
  expect(await engine.client.getJson<unknown[]>("/b")).toEqual([]);
  expect(engine.connections.length).toBe(1);
});

test("EngineClient repeats a GET on a fresh connection when an idle one has just gone", async () => {
  await using engine = await openScripted((_request, socket, count) => {
    if (count === 2) socket.destroy();
    else socket.write(answer(`{"n":${count}}`));
  });
  await engine.client.getJson("/a");
  expect(await engine.client.getJson<unknown>("/b")).toEqual({ n: 3 });
});

test("EngineClient reports a refusal that comes while it still sends", async () => {
  await using engine = await openScripted((_request, socket) => {
    socket.pause();
    socket.write(
      answer('{"message":"no space"}', "Connection: close\r\n", "500 Internal Server Error"),
    );
  });
  const endless = (async function* () {
    for (;;) yield new Uint8Array(1 << 20);
  })();
  const sending = engine.client.send("POST", "/images/load", { stream: endless });
  expect((await failureOf(sending)).message).toContain("no space");
});

test("EngineClient reports what its own stream throws", async () => {
  await using engine = await openScripted(() => undefined);
  const broken = (async function* () {
    yield Buffer.from("x");
    throw new ConflictError("open t.tar: no such file or directory");
  })();
  const sending = engine.client.send("POST", "/images/load", { stream: broken });
  expect((await failureOf(sending)).message).toContain("open t.tar");
});

test("EngineClient cancels by signal, before the answer and within it", async () => {
  await using engine = await openScripted((request, socket) => {
    if (request.includes("/stream"))
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  });
  const early = AbortSignal.timeout(20);
  expect((await failureOf(engine.client.getJson("/never", { signal: early }))).message).toContain(
    "request cancelled",
  );
  const controller = new AbortController();
  const response = await engine.client.request("GET", "/stream", { signal: controller.signal });
  const read = async (): Promise<void> => {
    for await (const _chunk of response.body()) controller.abort();
  };
  expect((await failureOf(read())).message).toContain("request cancelled");
});

test("hijack() hands over both directions with half-close", async () => {
  await using engine = await openScripted((request, socket) => {
    expect(request).toContain("Upgrade: tcp\r\n");
    socket.write(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ",
    );
    socket.removeAllListeners("data");
    const chunks: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => chunks.push(bytes));
    socket.on("end", () => socket.end(`got ${Buffer.concat(chunks).length}`));
  });
  using stream = await engine.client.hijack("/containers/x/attach");
  expect(stream.contentType).toBe("application/vnd.docker.raw-stream");
  for (let piece = 0; piece < 64; piece += 1) await stream.write(new Uint8Array(64 * 1024));
  stream.closeWrite();
  let text = "";
  for await (const chunk of stream.output()) text += Buffer.from(chunk).toString();
  expect(text).toBe(`early got ${64 * 64 * 1024}`);
});

test("hijack() throws when the engine refuses", async () => {
  await using engine = await openScripted((_request, socket) =>
    socket.write(answer('{"message":"is paused"}', "", "409 Conflict")),
  );
  expect((await failureOf(engine.client.hijack("/containers/x/attach"))).message).toContain(
    "Error response from daemon: is paused",
  );
});

test("EngineClient says that nobody listens", async () => {
  const client = openEngineClient({
    endpoint: { kind: "unix", path: "/nonexistent/x.sock", text: "unix:///nonexistent/x.sock" },
    userAgent: "test",
  });
  const failure = await client.getJson("/info").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EngineUnreachableError);
  expect(failure).toMatchObject({ reason: "missing", kind: "unavailable" });
});
