import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  errorCode,
  pushBlob,
  pushImage,
  TestRegistry,
} from "#registry-server/testing/test-registry.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import { planRetention } from "./retention.ts";
import { matchesTagPattern } from "./tag-pattern.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Report {
  readonly tags: readonly string[];
  readonly manifests: readonly string[];
  readonly uploads: number;
  readonly blobs: number;
  readonly blobBytes: number;
  readonly strays: number;
}

async function collect(registry: TestRegistry, body: object = {}): Promise<Report> {
  const answer = await registry.fetch("POST", "/api/v1/garbage-collection", {
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Report;
}

test("matchesTagPattern() lets stars stand for any letters", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["v*", "v1.2", true],
    ["v*", "1", false],
    ["*", "anything", true],
    ["*-rc*", "1.0-rc1", true],
    ["a*a", "a", false],
    ["a*b*c", "axxbyyc", true],
    ["a*b*c", "acb", false],
    ["v1", "v1", true],
  ];
  for (const [pattern, tag, matches] of cases) {
    expect([pattern, tag, matchesTagPattern(pattern, tag)]).toEqual([pattern, tag, matches]);
  }
});

test("planRetention() keeps what any limit of the first matching rule keeps", () => {
  const nowMs = 100 * DAY_MS;
  const tag = (name: string, pushedDays: number, pulledDays = pushedDays) => ({
    name,
    digest: digestOf(name),
    pushedMs: nowMs - pushedDays * DAY_MS,
    pulledMs: nowMs - pulledDays * DAY_MS,
  });
  const tags = [tag("n-1", 50), tag("n-2", 40, 1), tag("n-3", 30), tag("n-4", 2), tag("v1", 90)];
  const rules = [{ tags: "n-*", keepLast: 1, keepPulledDays: 7 }];
  expect(planRetention(rules, tags, nowMs)).toEqual(["n-1", "n-3"]);
  const first = [{ tags: "n-1", keepLast: 1 }, ...rules];
  expect(planRetention(first, tags, nowMs)).toEqual(["n-3"]);
  expect(planRetention([], tags, nowMs)).toEqual([]);
});

test("collecting removes blobs that nothing needs, after the grace, and a dry run only tells", async () => {
  await using registry = await TestRegistry.open();
  const { blobs, digest } = await pushImage(registry, "a/b", "v1");
  const stray = await pushBlob(registry, "a/b", "nobody needs this");
  expect((await collect(registry)).blobs).toBe(0);
  registry.nowMs += 2 * HOUR_MS;
  const told = await collect(registry, { dryRun: true });
  expect([told.blobs, told.blobBytes]).toEqual([1, 17]);
  expect((await registry.fetch("GET", `/v2/a/b/blobs/${stray}`)).status).toBe(200);
  expect((await collect(registry)).blobs).toBe(1);
  expect((await registry.fetch("HEAD", `/v2/a/b/blobs/${stray}`)).status).toBe(404);
  for (const blob of blobs) {
    expect((await registry.fetch("GET", `/v2/a/b/blobs/${blob}`)).status).toBe(200);
  }
  expect((await registry.fetch("DELETE", `/v2/a/b/manifests/${digest}`)).status).toBe(202);
  expect((await collect(registry)).blobs).toBe(2);
  expect(
    readdirSync(join(registry.root, "blobs"), { recursive: true, withFileTypes: true }).filter(
      (one) => one.isFile(),
    ),
  ).toEqual([]);
});

test("a blob that a client counts on by HEAD or mount is not collected under its feet", async () => {
  await using registry = await TestRegistry.open();
  const digest = await pushBlob(registry, "a/b", "content");
  registry.nowMs += 2 * HOUR_MS;
  expect((await registry.fetch("HEAD", `/v2/a/b/blobs/${digest}`)).status).toBe(200);
  expect((await collect(registry)).blobs).toBe(0);
  registry.nowMs += 2 * HOUR_MS;
  const mount = `/v2/c/d/blobs/uploads/?mount=${digest}&from=a/b`;
  expect((await registry.fetch("POST", mount)).status).toBe(201);
  expect((await collect(registry)).blobs).toBe(0);
  expect((await registry.fetch("GET", `/v2/c/d/blobs/${digest}`)).status).toBe(200);
});

test("retention removes tags and what had only them; referrers go with their subject", async () => {
  await using registry = await TestRegistry.open();
  const old = await pushImage(registry, "a/b", "n-1", { content: "one" });
  const subject = { mediaType: OCI_MANIFEST, digest: old.digest, size: old.body.length };
  const signature = await pushImage(registry, "a/b", "", { more: { subject } });
  registry.nowMs += DAY_MS;
  await pushImage(registry, "a/b", "n-2", { content: "two" });
  await pushImage(registry, "a/b", "v1", { content: "three" });
  const rules = { retention: [{ tags: "n-*", keepLast: 1 }] };
  const set = await registry.fetch("PATCH", "/api/v1/repositories/a%2Fb", {
    body: JSON.stringify(rules),
  });
  expect(set.status).toBe(200);
  registry.nowMs += 2 * HOUR_MS;
  const told = await collect(registry, { dryRun: true });
  const done = await collect(registry);
  for (const report of [told, done]) {
    expect(report.tags).toEqual(["a/b:n-1"]);
    expect([...report.manifests].sort()).toEqual(
      [`a/b@${old.digest}`, `a/b@${signature.digest}`].sort(),
    );
  }
  const list = await registry.fetch("GET", "/v2/a/b/tags/list");
  expect(await list.json()).toEqual({ name: "a/b", tags: ["n-2", "v1"] });
});

test("uploads that rest for a day are collected, and files that nobody knows", async () => {
  await using registry = await TestRegistry.open();
  const begun = await registry.fetch("POST", "/v2/a/b/blobs/uploads/");
  const location = begun.headers.get("location") ?? "";
  await registry.fetch("PATCH", location, { body: "half" });
  const stray = join(registry.root, "uploads", "left-by-a-crash");
  writeFileSync(stray, "x");
  const long = (registry.nowMs - DAY_MS) / 1000;
  utimesSync(stray, long, long);
  const first = await collect(registry);
  expect([first.uploads, first.strays, existsSync(stray)]).toEqual([0, 1, false]);
  registry.nowMs += 25 * HOUR_MS;
  expect((await collect(registry)).uploads).toBe(1);
  expect((await registry.fetch("GET", location)).status).toBe(404);
});

test("an immutable tag is set once: not moved, not removed, not by retention", async () => {
  await using registry = await TestRegistry.open();
  const { digest, body } = await pushImage(registry, "a/b", "v1");
  const settings = { immutableTags: ["v*"], retention: [{ tags: "*", keepPushedDays: 1 }] };
  await registry.fetch("PATCH", "/api/v1/repositories/a%2Fb", { body: JSON.stringify(settings) });
  const headers = { "Content-Type": OCI_MANIFEST };
  const again = await registry.fetch("PUT", "/v2/a/b/manifests/v1", { body, headers });
  expect(again.status).toBe(201);
  const moved = JSON.stringify({ ...JSON.parse(body), annotations: { other: "1" } });
  const refused = await registry.fetch("PUT", "/v2/a/b/manifests/v1", { body: moved, headers });
  expect([refused.status, await errorCode(refused)]).toEqual([409, "DENIED"]);
  expect((await registry.fetch("DELETE", "/v2/a/b/manifests/v1")).status).toBe(409);
  expect((await registry.fetch("DELETE", `/v2/a/b/manifests/${digest}`)).status).toBe(409);
  registry.nowMs += 3 * DAY_MS;
  expect((await collect(registry)).tags).toEqual([]);
});

test("a quota counts each blob of the organisation once", async () => {
  await using registry = await TestRegistry.open();
  const body = JSON.stringify({ name: "acme", quotaBytes: 10 });
  expect((await registry.fetch("POST", "/api/v1/organisations", { body })).status).toBe(201);
  await pushBlob(registry, "acme/a", "12345678");
  await pushBlob(registry, "acme/b", "12345678");
  const path = `/v2/acme/a/blobs/uploads/?digest=${digestOf("more")}`;
  const refused = await registry.fetch("POST", path, { body: "more" });
  expect([refused.status, await errorCode(refused)]).toEqual([403, "DENIED"]);
  await pushBlob(registry, "acme/a", "ab");
  const shown = await registry.fetch("GET", "/api/v1/organisations");
  expect(await shown.json()).toMatchObject({ organisations: [{ quotaBytes: 10, usedBytes: 10 }] });
  await pushBlob(registry, "other/a", "no limit here");
});

interface Verification {
  readonly blobs: number;
  readonly damaged: readonly {
    readonly digest: string;
    readonly fault: string;
    readonly repositories: readonly string[];
    readonly removed: boolean;
  }[];
}

async function verify(registry: TestRegistry, body: object = {}): Promise<Verification> {
  const answer = await registry.fetch("POST", "/api/v1/verification", {
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Verification;
}

test("verifying finds what a disk has changed, and what was forgotten comes anew by a push", async () => {
  await using registry = await TestRegistry.open();
  const image = await pushImage(registry, "a/b", "v1", { content: "0123456789" });
  await pushImage(registry, "other/c", "v1", { content: "0123456789" });
  const [layer = "", config = ""] = image.blobs;
  expect(await verify(registry)).toMatchObject({ blobs: 2, damaged: [] });
  const pathOf = (digest: string): string => {
    const hex = digest.slice("sha256:".length);
    return join(registry.root, "blobs/sha256", hex.slice(0, 2), hex);
  };
  writeFileSync(pathOf(layer), "0123406789");
  rmSync(pathOf(config));
  const found = await verify(registry);
  expect(found.damaged.toSorted((a, b) => (a.fault < b.fault ? -1 : 1))).toEqual([
    { digest: config, fault: "missing", repositories: ["a/b", "other/c"], removed: false },
    { digest: layer, fault: "wrong content", repositories: ["a/b", "other/c"], removed: false },
  ]);
  writeFileSync(pathOf(layer), "01234");
  const removed = await verify(registry, { removeDamaged: true });
  expect(removed.damaged.map(({ fault }) => fault).toSorted()).toEqual(["missing", "wrong size"]);
  expect((await registry.fetch("HEAD", `/v2/a/b/blobs/${layer}`)).status).toBe(404);
  const again = await registry.fetch("PUT", "/v2/a/b/manifests/v2", {
    body: image.body,
    headers: { "Content-Type": OCI_MANIFEST },
  });
  expect([again.status, await errorCode(again)]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
  await pushImage(registry, "a/b", "v1", { content: "0123456789" });
  expect(await (await registry.fetch("GET", `/v2/other/c/blobs/${layer}`)).text()).toBe(
    "0123456789",
  );
  expect(await verify(registry)).toMatchObject({ blobs: 2, damaged: [] });
});
