import { describe, expect, test } from "bun:test";
import { EXITED, PAUSED, RUNNING, containerDetails } from "#api/testing/container-fixtures.ts";
import { FakeContainers } from "#api/testing/fake-containers.ts";
import { RawClient } from "#http1/testing/raw-client.ts";
import { type TestServer, request, serve } from "#api/testing/serve.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { DOCKER_DEFAULTS } from "#spec/engine-api/host-config.ts";
import { containerRoutes } from "./routes.ts";

const UPGRADE = "Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";

function serveContainers(containers: FakeContainers): Promise<TestServer> {
  return serve(
    containerRoutes({
      containers,
      defaults: () => DOCKER_DEFAULTS,
      bridgeName: "b0",
      isExperimental: true,
      nowMs: () => 0,
    }),
  );
}

describe("container endpoints", () => {
  test.each([
    ["POST", "/containers/web/start", 204, 'start "web"'],
    [
      "POST",
      "/containers/web/stop?t=3&signal=INT",
      204,
      'stop "web" {"timeoutSeconds":3,"signal":"INT"}',
    ],
    [
      "POST",
      "/containers/web/start?checkpoint=one&checkpoint-dir=/c",
      204,
      'start "web" {"name":"one","directory":"/c"}',
    ],
    ["DELETE", "/containers/web/checkpoints/one", 204, 'removeCheckpoint "web" {"name":"one"}'],
    ["POST", "/containers/web/restart", 204, 'restart "web" {}'],
    ["POST", "/containers/web/kill", 204, 'kill "web" "SIGKILL"'],
    ["POST", "/containers/web/pause", 204, 'pause "web"'],
    ["POST", "/containers/web/rename?name=b", 204, 'rename "web" "b"'],
    [
      "DELETE",
      "/containers/web?v=1&force=1",
      204,
      'remove "web" {"force":true,"volumes":true,"link":false}',
    ],
    ["POST", "/containers/web/resize?h=10&w=20", 200, 'resize "web" {"rows":10,"columns":20}'],
  ])("%s %s", async (method, url, status, call) => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    await using server = await serveContainers(containers);
    const got = await request(server.path, method, url);
    expect([got.status, containers.calls]).toEqual([status, [call]]);
  });

  test.each([
    [
      "POST",
      "/containers/web/start?checkpoint=.x",
      400,
      "Invalid checkpoint ID (.x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
    ],
    ["GET", "/containers/nope/checkpoints", 404, "No such container: nope"],
    [
      "GET",
      "/containers/web/checkpoints?dir=x",
      400,
      'Cannot use checkpoint directory "x": want an absolute path on the engine\'s host',
    ],
    ["GET", "/containers/nope/json", 404, "No such container: nope"],
    ["GET", "/containers/web/logs", 400, "must specify at least one of 'stdout' or 'stderr'"],
    ["POST", "/containers/web/wait?condition=foo", 400, 'invalid condition: "foo"'],
    ["POST", "/containers/web/resize?h=a&w=1", 400, 'invalid resize height "a": invalid syntax'],
    ["POST", "/containers/web/stop?t=x", 400, 'strconv.Atoi: parsing "x": invalid syntax'],
    ["GET", "/containers/json?filters=x", 400, "invalid filter"],
    ["GET", '/containers/json?filters={"foo":["a"]}', 400, "invalid filter 'foo'"],
  ])("%s %s is refused", async (method, url, status, message) => {
    await using server = await serveContainers(new FakeContainers(containerDetails({})));
    const got = await request(server.path, method, url);
    expect([got.status, JSON.parse(got.body).message]).toEqual([status, message]);
  });

  test("wait sends its head before the container ends", async () => {
    const containers = new FakeContainers(containerDetails({}, EXITED));
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send("POST /containers/web/wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    await client.until((text) => text.includes("\r\n\r\n"));
    containers.waiting.resolve({ exitCode: 3 });
    expect((await client.end()).toString()).toContain('{"StatusCode":3}');
  });

  test("logs are framed without a terminal, and say so since API 1.42", async () => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    containers.logEntries = [
      { stream: "stderr", timeNanos: 5n, bytes: Buffer.from("hi\n"), isPartial: false },
    ];
    await using server = await serveContainers(containers);
    const now = await request(server.path, "GET", "/containers/web/logs?stderr=1&timestamps=1");
    expect(now.headers.get("content-type")).toBe("application/vnd.docker.multiplexed-stream");
    expect(now.body).toBe("\x02\0\0\0\0\0\0\x221970-01-01T00:00:00.000000005Z hi\n");
    const old = await request(server.path, "GET", "/v1.41/containers/web/logs?stderr=1");
    expect(old.headers.get("content-type")).toBe("application/vnd.docker.raw-stream");
  });

  test("logs of many lines have each its own time", async () => {
    const containers = new FakeContainers(containerDetails({ Tty: true }, RUNNING));
    const times = [1_000_000_000n, 1_000_000_001n, 1_999_999_999n, 2_000_000_000n, 1_500_000_000n];
    containers.logEntries = times.map((timeNanos) => ({
      stream: "stdout",
      timeNanos,
      bytes: Buffer.from("x\n"),
      isPartial: false,
    }));
    await using server = await serveContainers(containers);
    const { body } = await request(
      server.path,
      "GET",
      "/containers/web/logs?stdout=1&timestamps=1",
    );
    expect(body.match(/\d\d\.\d+Z/g)).toEqual([
      "01.000000000Z",
      "01.000000001Z",
      "01.999999999Z",
      "02.000000000Z",
      "01.500000000Z",
    ]);
  });
});

describe("attach", () => {
  const ALL = "stream=1&stdin=1&stdout=1&stderr=1";

  test("carries both ways; a half-close ends a stdinOnce container's input", async () => {
    const containers = new FakeContainers(
      containerDetails({ OpenStdin: true, StdinOnce: true }, RUNNING),
    );
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(`POST /containers/web/attach?${ALL} HTTP/1.1\r\n${UPGRADE}\r\n`);
    client.send("ping");
    await client.until((text) => text.includes("echo:ping"));
    client.socket.end();
    const text = (await client.end()).toString("latin1");
    expect(text).toEndWith("\r\n\r\n\x01\0\0\0\0\0\0\x09echo:ping\x02\0\0\0\0\0\0\x01!");
    expect(containers.stream.isDisposed).toBe(true);
  });

  test("drops streams that were not asked for, and the body that docker-modem sends", async () => {
    const containers = new FakeContainers(
      containerDetails({ OpenStdin: true, StdinOnce: true }, RUNNING),
    );
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(
      `POST /containers/web/attach?stream=1&stdin=1&stderr=1 HTTP/1.1\r\n${UPGRADE}Content-Length: 2\r\n\r\n{}`,
    );
    client.send("a");
    await client.until((text) => text.includes("!"));
    client.socket.end();
    expect((await client.end()).toString("latin1")).toEndWith("\r\n\r\n\x02\0\0\0\0\0\0\x01!");
    expect(containers.stream.written).toEqual(["a"]);
  });

  test("leaves a terminal by the detach keys, and the process runs on", async () => {
    const containers = new FakeContainers(
      containerDetails({ OpenStdin: true, StdinOnce: true, Tty: true }, RUNNING),
    );
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(
      `POST /containers/web/attach?${ALL}&detachKeys=ctrl-a,b HTTP/1.1\r\n${UPGRADE}\r\n`,
    );
    client.send("ls");
    await client.until((text) => text.includes("echo:ls"));
    client.send("\x01b");
    await client.end();
    expect(containers.stream.written).toEqual(["ls"]);
    expect(containers.stream.isDisposed).toBe(true);
  });

  test("replays the log, and needs no stream for that", async () => {
    const containers = new FakeContainers(containerDetails({}, EXITED));
    containers.logEntries = [
      { stream: "stdout", timeNanos: 5n, bytes: Buffer.from("old\n"), isPartial: false },
    ];
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(`POST /containers/web/attach?logs=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n`);
    expect((await client.end()).toString("latin1")).toEndWith("\x01\0\0\0\0\0\0\x04old\n");
  });

  test("refuses bad keys, a paused container and an unknown one with a status", async () => {
    const paused = containerDetails({}, PAUSED);
    await using server = await serveContainers(new FakeContainers(paused));
    for (const [path, answer] of [
      ["web/attach?stream=1&detachKeys=xyz", "400 Bad Request"],
      ["web/attach?stream=1", "409 Conflict"],
      ["nope/attach?stream=1", "404 Not Found"],
    ] as const) {
      using client = await RawClient.connect(server.path);
      client.send(`POST /containers/${path} HTTP/1.1\r\n${UPGRADE}\r\n`);
      expect((await client.end()).toString()).toStartWith(`HTTP/1.1 ${answer}`);
    }
  });

  test("by websocket carries messages, answers pings and ends with a close frame", async () => {
    const containers = new FakeContainers(
      containerDetails({ OpenStdin: true, StdinOnce: true, Tty: true }, RUNNING),
    );
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(
      `GET /containers/web/attach/ws?${ALL} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    const frame = (opcode: number, text: string): Buffer =>
      Buffer.concat([
        Buffer.from([0x80 | opcode, 0x80 | text.length, 0, 0, 0, 0]),
        Buffer.from(text),
      ]);
    // The key and its answer are RFC 6455's own example.
    await client.until((text) => text.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    client.send(Buffer.concat([frame(9, "yo"), frame(2, "hi")]));
    const text = await client.until((received) => received.includes("echo:hi"));
    expect(text).toContain("\x8a\x02yo"); // pong
    expect(text).toContain("\x82\x07echo:hi");
    client.send(frame(2, "\x10\x11"));
    expect((await client.end()).toString("latin1")).toEndWith("\x88\x02\x03\xe8");
  });
});

describe("framing", () => {
  test("a websocket carries bare output, also without a terminal", async () => {
    const containers = new FakeContainers(containerDetails({ OpenStdin: true }, RUNNING));
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(
      "GET /containers/web/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n" +
        "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    client.send(Buffer.concat([Buffer.from([0x82, 0x82, 0, 0, 0, 0]), Buffer.from("hi")]));
    const text = await client.until((received) => received.includes("echo:hi"));
    expect(text).toContain("\r\n\r\n\x82\x07echo:hi");
  });

  test("only an upgraded attach says that it is framed", async () => {
    await using server = await serveContainers(new FakeContainers(containerDetails({}, EXITED)));
    for (const [headers, type] of [
      [UPGRADE, "multiplexed"],
      ["Host: x\r\n", "raw"],
    ] as const) {
      using client = await RawClient.connect(server.path);
      client.send(`POST /containers/web/attach?logs=1&stdout=1 HTTP/1.1\r\n${headers}\r\n`);
      const head = (await client.end()).toString().toLowerCase();
      expect(head).toContain(`content-type: application/vnd.docker.${type}-stream`);
    }
  });

  test("an exec is framed as its start says, whatever terminal it has", async () => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    const body = '{"Tty":true}';
    client.socket.end(
      `POST /exec/x/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}in`,
    );
    const text = (await client.end()).toString("latin1");
    expect(text).toContain("application/vnd.docker.raw-stream");
    expect(text).toContain("\r\n\r\necho:in");
  });
});

describe("exec", () => {
  const head = (length: number): string =>
    `POST /exec/x/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  test("start has its options before the stream", async () => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.socket.end(`${head(16)}{"Detach":false}in`);
    expect((await client.end()).toString("latin1")).toContain("\x01\0\0\0\0\0\0\x07echo:in");
    expect(containers.calls).toEqual(['startExec {"detach":false,"terminal":false}']);
  });

  test("a command that cannot be run is told on the stream", async () => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    containers.execFailure = new InvalidArgumentError("executable file not found");
    await using server = await serveContainers(containers);
    using client = await RawClient.connect(server.path);
    client.send(`${head(2)}{}`);
    const text = (await client.end()).toString("latin1");
    expect(text).toStartWith("HTTP/1.1 101 UPGRADED");
    expect(text).toEndWith("executable file not found\r\n");
  });

  test("detached answers at once, with the failure as a status", async () => {
    const containers = new FakeContainers(containerDetails({}, RUNNING));
    await using server = await serveContainers(containers);
    const init = { body: '{"Detach":true}', headers: { "Content-Type": "application/json" } };
    expect((await request(server.path, "POST", "/exec/x/start", init)).status).toBe(200);
    containers.execFailure = new InvalidArgumentError("executable file not found");
    expect((await request(server.path, "POST", "/exec/x/start", init)).status).toBe(400);
  });
});
