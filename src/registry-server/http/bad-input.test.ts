import { expect, test } from "bun:test";
import {
  basic,
  errorCode,
  pushImage,
  TestRegistry,
} from "#registry-server/testing/test-registry.ts";
import { waitUntil } from "#registry-server/testing/wait-until.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "#spec/media-types.ts";

/** A connection on which a test says what it wants, HTTP or not. */
async function connect(registry: TestRegistry, text: string): Promise<RawConnection> {
  const { hostname, port } = new URL(registry.url);
  const closed = Promise.withResolvers<void>();
  const connection = { received: "", closed: closed.promise };
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, bytes) => {
        connection.received += bytes.toString("latin1");
      },
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  socket.write(text);
  return Object.assign(connection, {
    write: (more: string) => void socket.write(more),
    [Symbol.dispose]: () => void socket.end(),
  });
}

interface RawConnection extends Disposable {
  /** What has come so far. */
  readonly received: string;
  readonly closed: Promise<void>;
  write(more: string): void;
}

/** Body of a raw request that begins to come and ends when `Content-Length` says. */
function head(method: string, path: string, lengthBytes: number): string {
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${lengthBytes}\r\n\r\n`;
}

async function beginUpload(registry: TestRegistry): Promise<string> {
  const begun = await registry.fetch("POST", "/v2/a/b/blobs/uploads/");
  return begun.headers.get("location") ?? "";
}

const SLOW = { pace: { minBytesPerSecond: 1_000_000, graceMs: 50 } };

test("a client that drips its blob is cut off with 408, and what came is kept", async () => {
  await using registry = await TestRegistry.open(SLOW);
  const location = await beginUpload(registry);
  using connection = await connect(registry, head("PATCH", location, 1000));
  await waitUntil("an answer", async () => {
    connection.write("x");
    return connection.received !== "";
  });
  expect(connection.received).toMatch(/^HTTP\/1.1 408 /);
  expect(connection.received).toContain("BLOB_UPLOAD_INVALID");
  expect(connection.received.toLowerCase()).toContain("connection: close");
  expect((await registry.fetch("GET", location)).status).toBe(204);
});

test("a client that drips its manifest is cut off with 408", async () => {
  await using registry = await TestRegistry.open(SLOW);
  using connection = await connect(registry, head("PUT", "/v2/a/b/manifests/v1", 1000));
  await waitUntil("an answer", async () => {
    connection.write(" ");
    return connection.received !== "";
  });
  expect(connection.received).toMatch(/^HTTP\/1.1 408 /);
  expect((await registry.fetch("GET", "/v2/a/b/manifests/v1")).status).toBe(404);
});

/** Goes on with an upload as a client does: where the server says, and again when it says otherwise. */
async function finishUpload(
  registry: TestRegistry,
  location: string,
  content: string,
): Promise<void> {
  const digest = digestOf(content);
  await waitUntil("the upload is finished", async () => {
    const status = await registry.fetch("GET", location);
    const last = Number(status.headers.get("range")?.slice(2));
    const body = content.slice(last === 0 ? 0 : last + 1);
    const range = `${content.length - body.length}-${content.length - 1}`;
    const headers = { "Content-Range": range };
    const answer = await registry.fetch("PUT", `${location}?digest=${digest}`, { body, headers });
    expect([201, 416]).toContain(answer.status);
    return answer.status === 201;
  });
  const blob = await registry.fetch("GET", `/v2/a/b/blobs/${digest}`);
  expect(await blob.text()).toBe(content);
}

test.each(["PATCH", "PUT"])(
  "a %s whose body ends before its length makes no blob, and the upload goes on",
  async (method) => {
    await using registry = await TestRegistry.open();
    const location = await beginUpload(registry);
    const query = method === "PUT" ? `?digest=${digestOf("hello ")}` : "";
    {
      using connection = await connect(registry, head(method, location + query, 1000));
      connection.write("hello ");
    }
    await finishUpload(registry, location, "hello world");
    const half = await registry.fetch("HEAD", `/v2/a/b/blobs/${digestOf("hello ")}`);
    expect(half.status).toBe(404);
  },
);

test.each([
  [
    "a head of 200 KB",
    `GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(200_000)}\r\n\r\n`,
    431,
  ],
  ["1000 headers", `GET /v2/ HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(5000)}\r\n`, 431],
  ["a path of 100 KB", `GET /v2/${"a".repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ["no HTTP", "\u0000\u0001 \r\n\r\n", 400],
  [
    "two lengths",
    "PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    400,
  ],
  ["a length below zero", "PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400],
  [
    "a chunk that is none",
    "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    400,
  ],
])("%s is refused and the connection closed", async (_, text, status) => {
  await using registry = await TestRegistry.open();
  using connection = await connect(registry, text);
  await connection.closed;
  expect(connection.received).toStartWith(`HTTP/1.1 ${status} `);
  expect((await registry.fetch("GET", "/v2/")).status).toBe(200);
});

test("credentials that are none are refused, not fallen over", async () => {
  await using registry = await TestRegistry.open({ auth: "accounts" });
  const shown = [
    "Basic",
    "Basic ====",
    `Basic ${btoa("no colon")}`,
    basic("", ""),
    basic("x".repeat(5000), "y"),
    basic("admin\u0000", "x"),
    "Bearer",
    "Bearer a.b.c",
    `Bearer ${"e30.".repeat(500)}`,
    "Digest username=x",
  ];
  for (const Authorization of shown) {
    const answer = await registry.fetch("GET", "/v2/", { headers: { Authorization } });
    expect([Authorization.slice(0, 20), [401, 429].includes(answer.status)]).toEqual([
      Authorization.slice(0, 20),
      true,
    ]);
  }
});

test("manifests that attack their reader are refused: deep, wide, twice the same key, not UTF-8", async () => {
  await using registry = await TestRegistry.open();
  const { body } = await pushImage(registry, "a/b", "good");
  const child = { mediaType: OCI_MANIFEST, digest: digestOf("x"), size: 1 };
  const index = { schemaVersion: 2, mediaType: OCI_INDEX };
  const bodies: readonly (readonly [string, string | Uint8Array<ArrayBuffer>, number])[] = [
    ["deep", "[".repeat(1_000_000), 400],
    ["deep inside", body.replace("{", `{"x":${"[".repeat(500)}${"]".repeat(500)},`), 400],
    ["wide", JSON.stringify({ ...index, manifests: Array(10_001).fill(child) }), 400],
    ["prototype", body.replace("{", '{"__proto__":{"config":1},'), 201],
    ["not UTF-8", Uint8Array.from([0x7b, 0xff, 0x7d]), 400],
    ["a huge number", body.replace('"size":2', '"size":1e400'), 400],
    ["a config that is a list", body.replace('"config":{', '"config":[{'), 400],
    ["a type with a line break", body.replace(OCI_MANIFEST, "a\\r\\nX-Injected: 1"), 400],
    ["a size that lies", body.replace('"size":2', '"size":3'), 201],
  ];
  for (const [name, text, status] of bodies) {
    const answer = await registry.fetch("PUT", "/v2/a/b/manifests/bad", { body: text });
    expect([name, answer.status]).toEqual([name, status]);
    if (status === 400) expect([name, await errorCode(answer)]).toEqual([name, "MANIFEST_INVALID"]);
  }
  expect(registry.log.lines.filter((line) => line.startsWith("error"))).toEqual([]);
});

test("what manifests may take of memory together is bounded", async () => {
  await using registry = await TestRegistry.open({ bodyMemoryBytes: 1_000_000 });
  const long = 90_000;
  // of nineteen that are on their way eleven fit
  const connections = await Promise.all(
    Array.from({ length: 19 }, () =>
      connect(registry, head("PUT", "/v2/a/b/manifests/v1", long) + " ".repeat(long - 1)),
    ),
  );
  using _all = new DisposableStack();
  for (const connection of connections) _all.use(connection);
  const refused = (): readonly RawConnection[] =>
    connections.filter(({ received }) => received.startsWith("HTTP/1.1 503 "));
  await waitUntil("those that do not fit are refused", async () => refused().length >= 2);
  expect(refused()[0]?.received).toContain("UNAVAILABLE");
  expect(refused()[0]?.received.toLowerCase()).toContain("retry-after: 1");
  for (const connection of connections) connection.write(" ");
  await waitUntil("the others are read", async () => {
    const small = await registry.fetch("PUT", "/v2/a/b/manifests/v1", { body: "{}" });
    return small.status === 400;
  });
});

test("10,000 tags come in pages, in order, each once", async () => {
  await using registry = await TestRegistry.open();
  const { digest, body } = await pushImage(registry, "a/b", "");
  const tags = Array.from({ length: 10_050 }, (_, n) => `t${String(n).padStart(5, "0")}`);
  for (let at = 0; at < tags.length; at += 100) {
    const query = tags.slice(at, at + 100).map((tag) => `tag=${tag}`);
    const path = `/v2/a/b/manifests/${digest}?${query.join("&")}`;
    const headers = { "Content-Type": OCI_MANIFEST };
    expect((await registry.fetch("PUT", path, { body, headers })).status).toBe(201);
  }
  for (const begin of ["", "?n=4000"]) {
    const listed: string[] = [];
    for (let path = `/v2/a/b/tags/list${begin}`; path !== ""; ) {
      const answer = await registry.fetch("GET", path);
      listed.push(...((await answer.json()) as { readonly tags: readonly string[] }).tags);
      path = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1] ?? "";
    }
    expect(listed).toEqual(tags);
  }
});

test("a config that another manifest calls a layer stays what it is: bytes", async () => {
  await using registry = await TestRegistry.open();
  const { blobs, body } = await pushImage(registry, "a/b", "v1");
  const swapped = body.replace(OCI_CONFIG, "application/octet-stream");
  const answer = await registry.fetch("PUT", "/v2/a/b/manifests/v2", { body: swapped });
  expect(answer.status).toBe(201);
  const blob = await registry.fetch("GET", `/v2/a/b/blobs/${blobs[1]}`);
  expect(blob.headers.get("content-type")).toBe("application/octet-stream");
});
