import { expect, test } from "bun:test";
import { errorCode, pushImage, TestRegistry } from "#registry-server/testing/test-registry.ts";
import { waitUntil } from "#registry-server/testing/wait-until.ts";
import { remoteName } from "./replicator.ts";

function hostOf(registry: TestRegistry): string {
  return new URL(registry.url).host;
}

test("remoteName() puts one prefix in place of the other", () => {
  const rule = { repository: "acme/*", remoteRepository: "mirror/acme/*" };
  expect(remoteName(rule, "acme/a/b")).toBe("mirror/acme/a/b");
  expect(remoteName({ repository: "*", remoteRepository: "*" }, "a/b")).toBe("a/b");
  expect(remoteName({ repository: "a/b", remoteRepository: "c/d" }, "a/b")).toBe("c/d");
});

test("a proxy keeps what is pulled through it, and serves it when the other registry is gone", async () => {
  await using origin = await TestRegistry.open();
  await using cache = await TestRegistry.open({
    proxies: [{ prefix: "hub/", domain: hostOf(origin) }],
  });
  const { body, blobs, digest } = await pushImage(origin, "library/app", "v1");
  const pull = async (reference: string): Promise<Response> =>
    await cache.fetch("GET", `/v2/hub/library/app/manifests/${reference}`);
  expect(await (await pull("v1")).text()).toBe(body);
  const layer = `/v2/hub/library/app/blobs/${blobs[0]}`;
  const texts = await Promise.all(
    [layer, layer].map(async (path) => await (await cache.fetch("GET", path)).text()),
  );
  expect(texts).toEqual(["layer", "layer"]);
  const moved = await pushImage(origin, "library/app", "v1", { content: "newer" });
  expect((await pull("v1")).headers.get("docker-content-digest")).toBe(digest);
  cache.nowMs += 61_000;
  expect((await pull("v1")).headers.get("docker-content-digest")).toBe(moved.digest);
  const unknown = await pull("v2");
  expect([unknown.status, await errorCode(unknown)]).toEqual([404, "MANIFEST_UNKNOWN"]);
  const push = await cache.fetch("POST", "/v2/hub/library/app/blobs/uploads/");
  expect([push.status, await errorCode(push)]).toEqual([405, "UNSUPPORTED"]);
  await origin.stop();
  cache.nowMs += 61_000;
  expect((await pull("v1")).headers.get("docker-content-digest")).toBe(moved.digest);
  expect((await cache.fetch("GET", layer)).status).toBe(200);
  expect((await pull("v2")).status).toBe(503);
});

async function createRule(registry: TestRegistry, body: object): Promise<string> {
  const answer = await registry.fetch("POST", "/api/v1/replications", {
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { id: string }).id;
}

test("a push rule sends on what is pushed, and a run what was there before", async () => {
  await using here = await TestRegistry.open();
  await using there = await TestRegistry.open();
  const old = await pushImage(here, "acme/app", "old", { content: "old" });
  const id = await createRule(here, {
    direction: "push",
    registry: hostOf(there),
    repository: "acme/*",
    remoteRepository: "copy/*",
    tags: "*",
  });
  const fresh = await pushImage(here, "acme/app", "new", { content: "new" });
  const digestThere = async (tag: string): Promise<string | null> =>
    (await there.fetch("GET", `/v2/copy/app/manifests/${tag}`)).headers.get(
      "docker-content-digest",
    );
  await waitUntil("the push is there", async () => (await digestThere("new")) === fresh.digest);
  expect(await digestThere("old")).toBeNull();
  const run = await here.fetch("POST", `/api/v1/replications/${id}/runs`);
  expect(await run.json()).toMatchObject({ outcome: "ok: 1 copied" });
  expect(await digestThere("old")).toBe(old.digest);
});

test("a pull rule brings tags that match, and only what changed", async () => {
  await using here = await TestRegistry.open();
  await using there = await TestRegistry.open();
  const wanted = await pushImage(there, "acme/app", "v1");
  await pushImage(there, "acme/app", "nightly", { content: "other" });
  const id = await createRule(here, {
    direction: "pull",
    registry: hostOf(there),
    repository: "mirror/app",
    remoteRepository: "acme/app",
    tags: "v*",
  });
  const outcomes: unknown[] = [];
  for (let count = 0; count < 2; count++) {
    const run = await here.fetch("POST", `/api/v1/replications/${id}/runs`);
    outcomes.push(((await run.json()) as { outcome: unknown }).outcome);
    here.nowMs += 1000;
  }
  expect(outcomes).toEqual(["ok: 1 copied", "ok: 0 copied"]);
  const tags = await here.fetch("GET", "/v2/mirror/app/tags/list");
  expect(await tags.json()).toEqual({ name: "mirror/app", tags: ["v1"] });
  const pulled = await here.fetch("GET", "/v2/mirror/app/manifests/v1");
  expect(await pulled.text()).toBe(wanted.body);
});
