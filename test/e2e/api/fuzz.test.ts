// Programs with bugs, and attackers, send the API anything: it refuses, and goes on as it was.
// A failure prints fast-check's seed and path; `WHARF_TEST_SEED=N` uses another seed, `npm run test:long` runs longer.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SchemaFuzz, brokenRequests, type FuzzRequest } from "../../harness/api/api-fuzz.ts";
import { fillPath, readApiReference } from "../../harness/api/api-reference.ts";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";
import { residentMegabytes } from "../../harness/memory.ts";
import { sendRaw } from "../../harness/api/raw-http.ts";

const isLong = process.env["WHARF_TEST_LONG"] !== undefined;
const seed = Number(process.env["WHARF_TEST_SEED"] ?? 20_261_122);
const ALLOWED_GROWTH_MB = 120;

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Not asked for: they would reach out to registries, or change the host's network by chance. */
const OUTSIDE =
  /^\/(auth|build|session|grpc|distribution|images\/create|images\/search|images\/\{name\}\/push|plugins\/(pull|privileges|create)|plugins\/\{name\}\/(push|upgrade)|networks\/create|swarm)/;
/** What Docker answers by 500 though nothing is wrong with the engine: the state forbids it. */
const STATE = /is not paused|is already paused|is not running/;
/** May rightly keep their client waiting. */
const WAITING =
  /\/(wait|attach|ws|start|stop|restart|events|logs|stats|export|load|archive|commit|get|df|update|prune|containers\/[^/]+)$/;

const NAMES = [
  "target",
  "idle",
  "nosuch",
  "busybox",
  "fuzz:1",
  "vol",
  "bridge",
  "host",
  "..",
  "a/b",
  "0",
];
const TEXTS = [
  ...[
    "busybox",
    "target",
    "idle",
    "vol",
    "nosuch",
    "",
    " ",
    "true",
    "1",
    "-1",
    "1e9",
    "NaN",
    "host",
  ],
  ...[
    "none",
    "bridge",
    "default",
    "private",
    "container:target",
    "container:",
    "local",
    "json-file",
  ],
  ...[
    "sh",
    "-c",
    "true",
    "KEY=value",
    "=",
    "a=b",
    "80",
    "80/tcp",
    "8000-8010/udp",
    "127.0.0.1",
    "::1",
  ],
  ...["/x", "/../..", "/proc", "vol:/x", "vol:/x:ro,Z", "type=tmpfs", "SIGTERM", "SIGNOSUCH", "9"],
  ...["always", "on-failure", "10m", "2001-01-01T00:00:00Z", "10s", "1700000000.5", "linux/amd64"],
  ...[
    '{"os":"linux","architecture":"amd64"}',
    "{",
    "{}",
    "[]",
    "null",
    "ctrl-p,ctrl-q",
    "LABEL a=b",
  ],
  ...[
    'CMD ["x"]',
    "FROM nosuch",
    "\u0000",
    "\u202e",
    "\ud83d\ude00",
    "%00",
    "${x}",
    "$(id)",
    "a\nb",
  ],
];

const GIVEN = {
  "/containers/create": { Image: "busybox" },
  "/volumes/create": { Driver: "local" },
  "/containers/{id}/exec": { Cmd: ["true"] },
};
/** All answered by the same refusal while there is no swarm. */
const SWARM = /^\/(services|nodes|tasks|secrets|configs)/;

async function keepTargets(): Promise<void> {
  const missing = async (path: string) => (await engine.api("GET", path)).status === 404;
  if (await missing("/images/busybox/json")) await engine.importImage("busybox");
  for (const name of ["target", "idle"]) {
    if (!(await missing(`/containers/${name}/json`))) continue;
    const Cmd = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 1 & wait; done"];
    const made = await engine.api("POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      Cmd,
    });
    expect([201, 409]).toContain(made.status);
    if (name === "target") await engine.api("POST", "/containers/target/start");
  }
}

function bytesOf({ method, target, headers, body }: FuzzRequest): Uint8Array {
  const head = [`${method} ${target} HTTP/1.1`, "Host: wharf", "Connection: close", ...headers];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** Removes what a request made, so that the next meets the same engine. */
async function removeMade(): Promise<void> {
  const all = (await (await engine.api("GET", "/containers/json?all=1")).json()) as {
    readonly Id: string;
    readonly Names: readonly string[];
  }[];
  for (const { Id, Names } of all) {
    if (Names.some((name) => ["/target", "/idle"].includes(name))) continue;
    await engine.api("DELETE", `/containers/${Id}?force=1&v=1`);
  }
}

async function expectWhole(before: number): Promise<void> {
  expect(await (await engine.api("GET", "/_ping")).text()).toBe("OK");
  expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "whole")).toBe("whole");
  const growth = residentMegabytes(engine.pid) - before;
  console.log(`fuzz.test.ts: the daemon grew by ${growth.toFixed(0)} MB`);
  expect(growth).toBeLessThan(ALLOWED_GROWTH_MB);
}

test(
  "requests of every operation, nearly right or quite wrong, get an answer that is no 500",
  async () => {
    const reference = readApiReference();
    const fuzz = new SchemaFuzz(reference, { names: NAMES, texts: TEXTS, given: GIVEN });
    const operations = reference.operations.filter(({ path }) => !OUTSIDE.test(path));
    const request = fc
      .constantFrom(
        ...operations.filter(({ path }) => SWARM.test(path)),
        ...Array<typeof operations>(4)
          .fill(operations.filter(({ path }) => !SWARM.test(path)))
          .flat(),
        ...Array<typeof operations>(40)
          .fill(operations.filter(({ path }) => path in GIVEN))
          .flat(),
      )
      .chain((operation) => fuzz.requestOf(operation));
    const { pid } = engine;
    const before = residentMegabytes(pid);
    const statuses = new Map<number | undefined, number>();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(request, async (one) => {
        if (count++ % 20 === 0) await keepTargets();
        const answer = await sendRaw(engine.socket, bytesOf(one), {
          lingerMs: 100,
          timeoutMs: 3000,
        });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const [path = ""] = one.target.split("?");
        if (answer.status === undefined && answer.isOpen) expect(path).toMatch(WAITING);
        else expect(answer.status).toBeNumber();
        const isState = STATE.test(answer.text);
        expect(answer.status === 500 && !isState ? answer.text : "").toBe("");
        if (/create|rename|networks/.test(path)) await removeMade();
      }),
      { seed, numRuns: isLong ? 20_000 : 600, endOnFailure: !isLong },
    );
    console.log(
      `fuzz.test.ts: ${[...statuses].map(([status, times]) => `${times}x${status}`).join(" ")}`,
    );
    await keepTargets();
    expect(engine.pid).toBe(pid);
    await expectWhole(before);
  },
  isLong ? 3_600_000 : 120_000,
);

test(
  "what is no HTTP is refused or cut off, and the next client is served",
  async () => {
    const before = residentMegabytes(engine.pid);
    await fc.assert(
      fc.asyncProperty(brokenRequests(), async (bytes) => {
        const answer = await sendRaw(engine.socket, bytes, { lingerMs: 20, timeoutMs: 100 });
        expect(answer.status ?? 0).not.toBe(500);
      }),
      { seed, numRuns: isLong ? 10_000 : 200, endOnFailure: !isLong },
    );
    await expectWhole(before);
  },
  isLong ? 3_600_000 : 60_000,
);

test(
  "archives with bytes changed are taken or refused, and leave nothing",
  async () => {
    await keepTargets();
    const before = residentMegabytes(engine.pid);
    const saved = Buffer.from(await (await engine.api("GET", "/images/busybox/get")).arrayBuffer());
    const plain = readFileSync(join(CACHE, "busybox.tar")).subarray(0, 200 * 1024);
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 20,
    });
    const upload = fc.record({
      target: fc.constantFrom(
        "POST /images/load",
        "PUT /containers/idle/archive?path=/tmp",
        "POST /images/create?fromSrc=-&repo=fuzz&tag=2",
      ),
      changes,
      isHead: fc.boolean(),
      cut: fc.option(fc.nat(), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(upload, async ({ target, changes: list, isHead, cut }) => {
        const bytes = Buffer.from(target.includes("load") ? saved : plain);
        for (const [at, byte] of list) {
          // the heads of an archive's members are where its parser can go wrong
          bytes[
            isHead ? (at % (bytes.byteLength >> 9)) * 512 + (at % 512) : at % bytes.byteLength
          ] = byte;
        }
        const body = cut === undefined ? bytes : bytes.subarray(0, cut % bytes.byteLength);
        const [method = "", path = ""] = target.split(" ");
        const response = await fetch(`http://wharf${path}`, {
          method,
          unix: engine.socket,
          body,
          headers: { "Content-Type": "application/x-tar" },
        });
        const text = await response.text();
        expect(response.status === 500 ? text : "").toBe("");
        expect(text).not.toContain("Internal error");
      }),
      { seed, numRuns: isLong ? 2000 : 40, endOnFailure: !isLong },
    );
    await engine.mustDocker("image", "prune", "-f");
    await expectWhole(before);
  },
  isLong ? 3_600_000 : 120_000,
);

test('every operation of the reference is known: none answers "page not found"', async () => {
  await keepTargets();
  const unknown: string[] = [];
  for (const { method, path } of readApiReference().operations) {
    const target = fillPath(path, "nosuch");
    const request = { method, target, headers: ["Content-Length: 0"], body: new Uint8Array() };
    const answer = await sendRaw(engine.socket, bytesOf(request), {
      lingerMs: 20,
      timeoutMs: 3000,
    });
    if (answer.text.includes("page not found")) unknown.push(`${method} ${path}`);
  }
  expect(unknown).toEqual([]);
});
