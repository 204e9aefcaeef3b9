// Clients of BuildKit's API: ones that go, ones that lie, and an engine that dies.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  FILE_SYNC,
  PACKET,
  PACKET_DATA,
  PACKET_STAT,
  type FileStat,
} from "#spec/buildkit/session.ts";
import type { RpcCall, RpcMethods } from "#rpc/method.ts";
import {
  BuildkitClient,
  fileStat,
  filesMethods,
  upgrade,
} from "../../harness/build/buildkit-client.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { residentMegabytes } from "../../harness/memory.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const IMAGE = [{ type: "moby", attributes: new Map([["name", "built"]]) }];

function announcing(...stats: readonly FileStat[]): RpcMethods {
  async function* lie(call: RpcCall): AsyncGenerator<Uint8Array> {
    for (const stat of stats) yield PACKET.encode({ type: PACKET_STAT, stat });
    yield PACKET.encode({ type: PACKET_STAT });
    for await (const _ of call.requests);
  }
  return new Map([[FILE_SYNC, lie]]);
}

test("a client of its own builds, and is sent what its steps say", async () => {
  await using client = await BuildkitClient.connect(engine);
  const files = { Dockerfile: "FROM busybox\nCOPY a /a\nRUN cat /a\n", a: "content\n" };
  const { response, logs } = await client.build({ methods: filesMethods(files), exporters: IMAGE });
  expect(logs).toContain("content\n");
  const id = await engine.mustDocker("inspect", "-f", "{{.Id}}", "built");
  expect(response.get("containerimage.config.digest")).toBe(id);
}, 30_000);

test("names that lead out, wrong order, links, sizes: refused, and the next build is served", async () => {
  await using client = await BuildkitClient.connect(engine);
  const lies: readonly (readonly [RpcMethods, string])[] = [
    [announcing(fileStat("../../../escaped", "x")), "announced a file called"],
    [announcing(fileStat("/escaped", "x")), "announced a file called"],
    [announcing(fileStat("b", "x"), fileStat("a", "x")), "out of order"],
    [announcing(fileStat("a/b", "x")), "before its folder"],
    [announcing(fileStat("a", "", { linkName: "/etc/passwd" })), "which it does not have"],
    [
      new Map([
        [
          FILE_SYNC,
          async function* unasked() {
            yield PACKET.encode({ type: PACKET_DATA, id: 7, data: Buffer.from("x") });
          },
        ],
      ]),
      "was not asked for",
    ],
    [
      new Map([
        [
          FILE_SYNC,
          async function* endless({ requests }: RpcCall) {
            yield PACKET.encode({ type: PACKET_STAT, stat: fileStat("Dockerfile", "x") });
            yield PACKET.encode({ type: PACKET_STAT });
            const data = Buffer.alloc(1024 * 1024);
            for await (const _ of requests) {
              for (;;) yield PACKET.encode({ type: PACKET_DATA, id: 0, data });
            }
          },
        ],
      ]),
      "announced 1 bytes",
    ],
    [
      new Map([
        [
          FILE_SYNC,
          async function* nonsense() {
            yield Buffer.from("nonsense");
          },
        ],
      ]),
      "Malformed",
    ],
    [new Map(), "the client sends none"],
  ];
  for (const [methods, reason] of lies) {
    await expect(client.build({ methods, exporters: IMAGE })).rejects.toThrow(reason);
  }
  expect(existsSync("/escaped")).toBe(false);
  expect(residentMegabytes(engine.pid)).toBeLessThan(400);
  const files = { Dockerfile: "FROM busybox\n" };
  await client.build({ methods: filesMethods(files), exporters: IMAGE });
}, 60_000);

test("bytes that are no HTTP/2, and sessions that nobody uses, harm nobody", async () => {
  const noise = await upgrade(engine, "/grpc");
  await noise.write(Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(100)));
  while (await noise.read());
  const refused = await engine.api("POST", "/grpc");
  expect(refused.status).toBe(400);
  await using client = await BuildkitClient.connect(engine);
  await client.openSession(new Map());
  expect((await engine.api("GET", "/_ping")).headers.get("builder-version")).toBe("2");
}, 30_000);

test("a client that vanishes ends its build, and finished steps stay", async () => {
  const slow = { Dockerfile: "FROM busybox\nRUN date +%N > /first\nRUN echo begun; sleep 600\n" };
  {
    await using client = await BuildkitClient.connect(engine);
    const building = client.build({ methods: filesMethods(slow), sharedKey: "slow" });
    building.catch(() => undefined); // it is cut off
    await waitUntil("the step runs", async () => (await steps()).includes("sleep 600"));
  }
  await waitUntil("the step is gone", async () => !(await steps()).includes("sleep 600"));
  await using client = await BuildkitClient.connect(engine);
  const quick = { Dockerfile: "FROM busybox\nRUN date +%N > /first\nRUN true\n" };
  const before = await cached();
  await client.build({ methods: filesMethods(quick), sharedKey: "slow", exporters: IMAGE });
  expect((await cached()) - before).toBe(1);
}, 60_000);

test("an engine killed in the middle has the finished steps, and nothing else of the build", async () => {
  const slow = { Dockerfile: "FROM busybox\nRUN echo killed > /first\nRUN sleep 601\n" };
  {
    await using client = await BuildkitClient.connect(engine);
    const building = client.build({ methods: filesMethods(slow) });
    building.catch(() => undefined); // it is cut off
    await waitUntil("the step runs", async () => (await steps()).includes("sleep 601"));
    await engine.crash();
  }
  await engine.start();
  expect(await steps()).not.toContain("sleep 601");
  expect(
    readdirSync(join(engine.root, "data/builder/locals")).filter((name) =>
      name.startsWith("once-"),
    ),
  ).toEqual([]);
  const before = await cached();
  await using client = await BuildkitClient.connect(engine);
  const quick = { Dockerfile: "FROM busybox\nRUN echo killed > /first\n" };
  await client.build({ methods: filesMethods(quick), exporters: IMAGE });
  expect(await cached()).toBe(before);
}, 60_000);

/** Command lines of all that runs on this host. */
async function steps(): Promise<string> {
  return await new Response(Bun.spawn(["ps", "-eo", "args"]).stdout).text();
}

/** How many layers the builder keeps. */
async function cached(): Promise<number> {
  const usage = (await (await engine.api("GET", "/v1.47/system/df?type=build-cache")).json()) as {
    readonly BuildCache: readonly unknown[] | null;
  };
  return usage.BuildCache?.length ?? 0;
}
