import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import {
  basic,
  pushImage,
  type TestImage,
  TestRegistry,
} from "#registry-server/testing/test-registry.ts";

const RUNS = Number(process.env["WHARF_FUZZ_RUNS"] ?? 250);

/** Bodies that never end as their head says must not hold the test up. */
const SLOW = { pace: { minBytesPerSecond: 1024, graceMs: 50 } };

let open: TestRegistry;
let guarded: TestRegistry;
let image: TestImage;
beforeAll(async () => {
  open = await TestRegistry.open(SLOW);
  guarded = await TestRegistry.open({ ...SLOW, auth: "accounts" });
  image = await pushImage(open, "fuzz/image", "v1");
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
});

interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

function oddText(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom("", ".", "..", "%", "%2f", "%00", "%ff", "%c3%28", "_", "a%2Fb", "*", "{x}"),
    fc.string({ maxLength: 12 }),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.nat({ max: 3000 }).map((length) => "a".repeat(length)),
  );
}

/** Mostly without what ends the request before the registry sees it. */
function printable(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const tamed = text.map((odd) => odd.replaceAll(/[^\x21-\x7e]/g, "%C3%A4"));
  return fc.oneof({ weight: 9, arbitrary: tamed }, { weight: 1, arbitrary: text });
}

/** Words of paths that mean something, so that what is odd is met behind them. */
function segments(): fc.Arbitrary<string> {
  const digests = fc.constantFrom(image.digest, ...image.blobs, "sha256:12", "sha512:0", "md5:1");
  const words = ["fuzz", "image", "v1", "blobs", "uploads", "manifests", "tags", "list"];
  const more = ["referrers", "_catalog", "users", "admin", "repositories", "fuzz%2Fimage", "token"];
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...words, ...more) },
    { weight: 2, arbitrary: digests },
    { weight: 2, arbitrary: printable(oddText()) },
  );
}

function targets(): fc.Arbitrary<string> {
  const inside = ["manifests/", "blobs/", "blobs/uploads/", "tags/list", "referrers/", ""];
  const image = inside.map((path) => `/v2/fuzz/image/${path}`);
  const roots = [...image, ...image, "/v2/", "/v2", "/api/v1/", "/token", "/v1/search", "/", ""];
  const keys = ["n", "last", "digest", "mount", "from", "tag", "artifactType", "q", "scope", "x"];
  const path = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(segments()) },
    { weight: 1, arbitrary: fc.array(segments(), { maxLength: 3 }) },
  );
  const query = fc.array(
    fc.tuple(fc.constantFrom(...keys), fc.oneof(segments(), printable(oddText()))),
    {
      maxLength: 3,
    },
  );
  return fc.tuple(fc.constantFrom(...roots), path, query).map(([root, rest, pairs]) => {
    const asked = pairs.map(([key, value]) => `${key}=${value}`).join("&");
    return root + rest.join("/") + (asked === "" ? "" : `?${asked}`);
  });
}

function headers(): fc.Arbitrary<readonly string[]> {
  const names = ["Range", "Content-Range", "Content-Type", "Accept", "Authorization", "X-Odd"];
  const more = ["If-None-Match", "Content-Length", "Transfer-Encoding", "Expect", "Host", "Cookie"];
  const values = ["bytes=0-", "0-5", "bytes=9-1", "chunked", "100-continue", "-1", "99999999999"];
  const known = ["application/vnd.oci.image.manifest.v1+json", basic("admin", "x"), "Bearer e30.e"];
  return fc.array(
    fc
      .tuple(
        fc.constantFrom(...names, ...more),
        fc.oneof(fc.constantFrom(...values, ...known), printable(oddText())),
      )
      .map(([name, value]) => `${name}: ${value}`),
    { maxLength: 3 },
  );
}

function requests(): fc.Arbitrary<RawRequest> {
  const methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "DELETE", "POST", "PUT", "get"];
  const bodies = ["", "{}", "hello", image.body, "[[[[", "grant_type=password&username=a"];
  return fc.record({
    method: fc.constantFrom(...methods),
    target: targets(),
    headers: headers(),
    body: fc.oneof(fc.constantFrom(...bodies), oddText()),
  });
}

/** Head and body of what has come, when it is all there. */
function wholeAnswer(received: string, method: string): string | undefined {
  const answer = received.replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, "");
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1] ?? 0);
  return method === "HEAD" || answer.length >= end + 4 + length ? answer : undefined;
}

/** @returns The answer; empty when the server closes the connection without one. */
async function exchange(url: string, request: RawRequest): Promise<string> {
  const { hostname, port } = new URL(url);
  const done = Promise.withResolvers<string>();
  let received = "";
  const { method, target, headers: lines, body } = request;
  const isFramed = lines.some((line) => /^(content-length|transfer-encoding)/i.test(line));
  const all = [
    ...(lines.some((line) => line.startsWith("Host")) ? [] : ["Host: localhost"]),
    ...lines,
    ...(isFramed ? [] : [`Content-Length: ${Buffer.byteLength(body, "latin1")}`]),
    "Connection: close",
  ];
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (own, bytes) => {
        received += bytes.toString("latin1");
        const answer = wholeAnswer(received, method);
        if (answer === undefined) return;
        done.resolve(answer);
        own.end();
      },
      close: () => done.resolve(received),
      error: () => done.resolve(received),
    },
  });
  const text = `${method} ${target} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${body}`;
  socket.write(Buffer.from(text, "latin1"));
  return await done.promise;
}

test("whatever comes is answered without a 5xx, and a refusal below /v2/ has its code", async () => {
  await fc.assert(
    fc.asyncProperty(requests(), fc.boolean(), async (request, isGuarded) => {
      const answer = await exchange((isGuarded ? guarded : open).url, request);
      const [, status = ""] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
      if (answer !== "") expect(status).toMatch(/^([1234]\d\d|505)$/); // 505: a space in the target
      const isRefused =
        status.startsWith("4") && answer.includes("Docker-Distribution-API-Version");
      if (isRefused && request.method !== "HEAD")
        expect(answer).toMatch(/\{"errors":\[\{"code":"[A-Z_]+"/);
    }),
    { numRuns: RUNS },
  );
  for (const registry of [open, guarded]) {
    expect(registry.log.lines.filter((line) => line.startsWith("error"))).toEqual([]);
  }
  const after = await open.fetch("GET", `/v2/fuzz/image/manifests/${image.digest}`);
  expect([200, 404]).toContain(after.status);
}, 120_000);
