import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { digestOf } from "#spec/digest.ts";
import { basic, errorCode, pushBlob, pushImage, TestRegistry } from "./testing/test-registry.ts";
import { waitUntil } from "./testing/wait-until.ts";

function json(value: object): RequestInit {
  return { body: JSON.stringify(value) };
}

test("neither log nor audit have passwords, tokens or secrets of webhooks", async () => {
  await using registry = await TestRegistry.open({ auth: "accounts" });
  const password = registry.registry.firstPassword ?? "";
  const admin = { headers: { Authorization: basic("admin", password) } };
  const call = async (method: string, path: string, body: object): Promise<Response> =>
    await registry.fetch(method, `/api/v1${path}`, { ...admin, ...json(body) });
  expect((await call("POST", "/users", { name: "alice", password: "alices-secret" })).status).toBe(
    201,
  );
  await call("PATCH", "/users/alice", { password: "another-secret" });
  const token = await call("POST", "/tokens", { name: "laptop", scopes: [] });
  const { token: text } = (await token.json()) as { token: string };
  expect(text.length).toBeGreaterThan(20);
  const url = "http://user:url-secret@127.0.0.1:1/hook";
  await call("POST", "/webhooks", { repositories: "alice/*", url, secret: "hook-secret" });
  await registry.fetch("GET", "/v2/", {
    headers: { Authorization: basic("alice", "wrong-secret") },
  });
  await registry.fetch("GET", "/v2/", { headers: { Authorization: `Bearer ${text}x` } });
  await pushImage(registry, "alice/app", "v1", { init: admin });
  await registry.registry.deliverDue();
  const audit = await (await registry.fetch("GET", "/api/v1/audit", admin)).text();
  expect(audit).toContain("user.create");
  const told = audit + registry.log.lines.join("\n");
  const secrets = [
    password,
    "alices-secret",
    "another-secret",
    "hook-secret",
    "wrong-secret",
    text,
  ];
  expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
});

test("an ending server sends what is under way to its end, and takes nothing more", async () => {
  await using registry = await TestRegistry.open({ closeGraceMs: 30_000 });
  const content = "0123456789".repeat(1_200_000);
  const digest = await pushBlob(registry, "a/b", content);
  const url = new URL(`/v2/a/b/blobs/${digest}`, registry.url);
  const answer = await fetch(url); // its head is here, most of its body is not
  const ended = registry.stop();
  await waitUntil("nothing more is taken", async () => {
    const another = await fetch(url, { method: "HEAD", keepalive: false }).catch(() => undefined);
    return another === undefined;
  });
  expect(String(digestOf(await answer.text()))).toBe(digest);
  await ended;
});

test("an upload that never ends is cut off when the grace of an ending server is over", async () => {
  await using registry = await TestRegistry.open({ closeGraceMs: 50 });
  const begun = Promise.withResolvers<void>();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("hello ");
    begun.resolve();
    await new Promise(() => undefined);
  };
  const answer = await registry.fetch("POST", "/v2/a/b/blobs/uploads/");
  const url = new URL(answer.headers.get("location") ?? "", registry.url);
  const upload = fetch(url, { method: "PATCH", body: new Response(body()).body }).then(
    ({ status }) => status,
    () => "cut off",
  );
  await begun.promise;
  await registry.stop();
  expect(["cut off", 400, 503]).toContain(await upload);
});

test("the rate of one account is bounded, and comes back", async () => {
  await using registry = await TestRegistry.open({ rateLimit: { burst: 3, perSecond: 1 } });
  const statuses: number[] = [];
  let refused: Response | undefined;
  for (let n = 0; n < 4; n++) {
    refused = await registry.fetch("GET", "/v2/");
    statuses.push(refused.status);
  }
  expect(statuses).toEqual([200, 200, 200, 429]);
  expect(refused?.headers.get("retry-after")).toBe("1");
  expect(refused && (await errorCode(refused))).toBe("TOOMANYREQUESTS");
  expect((await registry.fetch("GET", "/healthz")).status).toBe(200);
  registry.nowMs += 2000;
  expect((await registry.fetch("GET", "/v2/")).status).toBe(200);
});

test("health tells when the storage has gone, and metrics count requests by group and status", async () => {
  await using registry = await TestRegistry.open({ auth: "accounts" });
  expect((await registry.fetch("GET", "/healthz")).status).toBe(200);
  const password = registry.registry.firstPassword ?? "";
  const headers = { Authorization: basic("admin", password) };
  await registry.fetch("GET", "/v2/a/b/manifests/v1", { headers });
  const text = await (await registry.fetch("GET", "/metrics", { headers })).text();
  expect(text).toMatch(/wharf_registry_requests_total\{[^}]*\} \d+/);
  rmSync(`${registry.root}/blobs`, { recursive: true });
  expect((await registry.fetch("GET", "/healthz")).status).toBe(503);
});
