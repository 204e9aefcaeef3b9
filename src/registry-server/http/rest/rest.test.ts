import { expect, test } from "bun:test";
import {
  basic,
  errorCode,
  pushBlob,
  pushImage,
  TestRegistry,
} from "#registry-server/testing/test-registry.ts";

/** A registry with an administrator, and a function that calls its API as somebody. */
async function openAccounts(): Promise<{
  readonly registry: TestRegistry;
  readonly admin: string;
  call(method: string, path: string, auth: string, body?: object): Promise<Response>;
}> {
  const registry = await TestRegistry.open({ auth: "accounts" });
  const admin = basic("admin", registry.registry.firstPassword ?? "");
  return {
    registry,
    admin,
    call: async (method, path, auth, body) =>
      await registry.fetch(method, `/api/v1${path}`, {
        headers: auth === "" ? {} : { Authorization: auth },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
  };
}

async function addUser(
  test: Awaited<ReturnType<typeof openAccounts>>,
  name: string,
): Promise<string> {
  const body = { name, password: `${name}-password` };
  expect((await test.call("POST", "/users", test.admin, body)).status).toBe(201);
  return basic(name, body.password);
}

async function tokenFor(registry: TestRegistry, auth: string, scope: string): Promise<string> {
  const headers: Record<string, string> = auth === "" ? {} : { Authorization: auth };
  const answer = await registry.fetch("GET", `/token?scope=${encodeURIComponent(scope)}`, {
    headers,
  });
  return `Bearer ${((await answer.json()) as { token: string }).token}`;
}

test("the first start makes an admin, a later one does not", async () => {
  await using registry = await TestRegistry.open({ auth: "accounts" });
  expect(registry.registry.firstPassword).toHaveLength(20);
  await registry.stop();
  await registry.start({ auth: "accounts" });
  expect(registry.registry.firstPassword).toBeUndefined();
});

test("/v2/ asks for a token, and gives way to one or to Basic", async () => {
  const { registry, admin } = await openAccounts();
  await using _registry = registry;
  const asked = await registry.fetch("GET", "/v2/");
  expect(asked.status).toBe(401);
  expect(asked.headers.get("www-authenticate")).toBe(
    `Bearer realm="${registry.url}/token",service="wharf-registry"`,
  );
  const wrong = await registry.fetch("GET", "/v2/", {
    headers: { Authorization: basic("admin", "x") },
  });
  expect([wrong.status, await errorCode(wrong)]).toEqual([401, "UNAUTHORIZED"]);
  expect((await registry.fetch("GET", "/v2/", { headers: { Authorization: admin } })).status).toBe(
    200,
  );
  const token = await tokenFor(registry, admin, "");
  expect((await registry.fetch("GET", "/v2/", { headers: { Authorization: token } })).status).toBe(
    200,
  );
  const forged = `${token.slice(0, -4)}AAAA`;
  const refused = await registry.fetch("GET", "/v2/", { headers: { Authorization: forged } });
  expect(refused.status).toBe(401);
  registry.nowMs += 301_000;
  const old = await registry.fetch("GET", "/v2/", { headers: { Authorization: token } });
  expect(old.status).toBe(401);
});

test("a private repository is for those who have a role on it, a public one is pulled by all", async () => {
  const accounts = await openAccounts();
  const { registry, admin, call } = accounts;
  await using _registry = registry;
  const alice = await addUser(accounts, "alice");
  const bob = await addUser(accounts, "bob");
  await pushImage(registry, "alice/app", "v1", { init: { headers: { Authorization: alice } } });
  const pull = async (auth: string): Promise<number> => {
    const headers: Record<string, string> = auth === "" ? {} : { Authorization: auth };
    return (await registry.fetch("GET", "/v2/alice/app/manifests/v1", { headers })).status;
  };
  expect([await pull(""), await pull(bob), await pull(alice), await pull(admin)]).toEqual([
    401, 403, 200, 200,
  ]);
  const path = "/repositories/alice%2Fapp";
  const grant = `${path}/grants/${encodeURIComponent("user:bob")}`;
  expect((await call("PUT", grant, bob, { role: "admin" })).status).toBe(403);
  expect((await call("PUT", grant, alice, { role: "read" })).status).toBe(200);
  expect(await pull(bob)).toBe(200);
  const refused = await registry.fetch("POST", "/v2/alice/app/blobs/uploads/", {
    headers: { Authorization: bob },
  });
  expect([refused.status, await errorCode(refused)]).toEqual([403, "DENIED"]);
  expect((await call("DELETE", grant, alice)).status).toBe(204);
  expect(await pull(bob)).toBe(403);
  expect((await call("PATCH", path, alice, { public: true })).status).toBe(200);
  expect([await pull(""), await pull(bob)]).toEqual([200, 200]);
  const anonymous = await tokenFor(registry, "", "repository:alice/app:pull,push");
  expect(await pull(anonymous)).toBe(200);
  const push = await registry.fetch("POST", "/v2/alice/app/blobs/uploads/", {
    headers: { Authorization: anonymous },
  });
  expect(push.status).toBe(401);
  expect(push.headers.get("www-authenticate")).toContain(
    'scope="repository:alice/app:pull,push",error="insufficient_scope"',
  );
});

test("organisations: owners rule, members read, teams get roles by grants on a prefix", async () => {
  const accounts = await openAccounts();
  const { registry, admin, call } = accounts;
  await using _registry = registry;
  const [olga, mike, tina] = [
    await addUser(accounts, "olga"),
    await addUser(accounts, "mike"),
    await addUser(accounts, "tina"),
  ];
  expect((await call("POST", "/organisations", olga, { name: "acme" })).status).toBe(403);
  expect((await call("POST", "/organisations", admin, { name: "acme" })).status).toBe(201);
  expect((await call("POST", "/organisations", admin, { name: "olga" })).status).toBe(409);
  await call("PUT", "/organisations/acme/members/olga", admin, { owner: true });
  for (const user of ["mike", "tina"]) {
    const answer = await call("PUT", `/organisations/acme/members/${user}`, olga, {});
    expect(answer.status).toBe(200);
  }
  expect((await call("POST", "/organisations/acme/teams", olga, { name: "builders" })).status).toBe(
    201,
  );
  const member = "/organisations/acme/teams/builders/members/tina";
  expect((await call("PUT", member, olga)).status).toBe(200);
  const grant = `/repositories/acme%2F*/grants/${encodeURIComponent("team:acme/builders")}`;
  expect((await call("PUT", grant, mike, { role: "write" })).status).toBe(403);
  expect((await call("PUT", grant, olga, { role: "write" })).status).toBe(200);
  const begin = async (auth: string): Promise<number> =>
    (
      await registry.fetch("POST", "/v2/acme/deep/app/blobs/uploads/", {
        headers: { Authorization: auth },
      })
    ).status;
  expect([await begin(olga), await begin(mike), await begin(tina)]).toEqual([202, 403, 202]);
  await pushImage(registry, "acme/app", "v1", { init: { headers: { Authorization: tina } } });
  const asMike = { headers: { Authorization: mike } };
  expect((await registry.fetch("GET", "/v2/acme/app/manifests/v1", asMike)).status).toBe(200);
  expect((await registry.fetch("DELETE", "/v2/acme/app/manifests/v1", asMike)).status).toBe(403);
  expect((await call("DELETE", member, olga)).status).toBe(204);
  expect(await begin(tina)).toBe(403);
});

test("a personal token acts within its scopes until it is over or revoked", async () => {
  const accounts = await openAccounts();
  const { registry, call } = accounts;
  await using _registry = registry;
  const alice = await addUser(accounts, "alice");
  const scopes = ["repository:alice/*:pull"];
  const made = await call("POST", "/tokens", alice, { name: "ci", scopes, expiresInDays: 1 });
  const { id, token } = (await made.json()) as { id: string; token: string };
  await pushImage(registry, "alice/app", "v1", { init: { headers: { Authorization: alice } } });
  const pull = async (auth: string): Promise<number> =>
    (
      await registry.fetch("GET", "/v2/alice/app/manifests/v1", {
        headers: { Authorization: auth },
      })
    ).status;
  expect([await pull(basic("alice", token)), await pull(basic("bob", token))]).toEqual([200, 401]);
  expect(await pull(`Bearer ${token}`)).toBe(200);
  const push = await registry.fetch("POST", "/v2/alice/app/blobs/uploads/", {
    headers: { Authorization: basic("alice", token) },
  });
  expect(push.status).toBe(403);
  expect((await call("POST", "/tokens", basic("alice", token), { name: "more" })).status).toBe(403);
  const list = await call("GET", "/tokens", alice);
  expect(JSON.stringify(await list.json())).not.toContain(token);
  registry.nowMs += 25 * 3_600_000;
  expect(await pull(basic("alice", token))).toBe(401);
  registry.nowMs -= 25 * 3_600_000;
  expect((await call("DELETE", `/tokens/${id}`, alice)).status).toBe(204);
  expect(await pull(basic("alice", token))).toBe(401);
});

test("a robot has its scopes as rights, inside its organisation", async () => {
  const { registry, admin, call } = await openAccounts();
  await using _registry = registry;
  await call("POST", "/organisations", admin, { name: "acme" });
  const elsewhere = { name: "builder", scopes: ["repository:other/app:push"] };
  expect((await call("POST", "/organisations/acme/robots", admin, elsewhere)).status).toBe(400);
  const body = { name: "builder", scopes: ["repository:acme/app:pull,push"] };
  const made = await call("POST", "/organisations/acme/robots", admin, body);
  const { login, token } = (await made.json()) as { login: string; token: string };
  expect(login).toBe("robot$acme+builder");
  const headers = { Authorization: basic(login, token) };
  await pushImage(registry, "acme/app", "v1", { init: { headers } });
  const other = await registry.fetch("POST", "/v2/acme/other/blobs/uploads/", { headers });
  expect(other.status).toBe(403);
});

test("docker login's refresh token gets new tokens, and goes with the password", async () => {
  const accounts = await openAccounts();
  const { registry, call } = accounts;
  await using _registry = registry;
  const alice = await addUser(accounts, "alice");
  const login = await registry.fetch("GET", "/token?offline_token=true&service=wharf-registry", {
    headers: { Authorization: alice },
  });
  const { refresh_token: refreshToken } = (await login.json()) as { refresh_token: string };
  const renew = async (): Promise<Response> =>
    await registry.fetch("POST", "/token", {
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        scope: "repository:alice/app:push,pull",
      }),
    });
  const { access_token: token } = (await (await renew()).json()) as { access_token: string };
  await pushBlob(registry, "alice/app", "x", { headers: { Authorization: `Bearer ${token}` } });
  await call("PATCH", "/users/alice", alice, { password: "another-password" });
  expect((await renew()).status).toBe(401);
});

test("after ten wrong credentials the eleventh is not looked at for a while", async () => {
  const { registry, admin } = await openAccounts();
  await using _registry = registry;
  const statuses: number[] = [];
  for (let count = 0; count < 11; count++) {
    const headers = { Authorization: basic("admin", `whr_wrong-${count}`) };
    const answer = await registry.fetch("GET", "/v2/", { headers });
    statuses.push(answer.status);
  }
  expect([statuses.slice(0, 10).every((status) => status === 401), statuses[10]]).toEqual([
    true,
    429,
  ]);
  registry.nowMs += 60_000;
  expect((await registry.fetch("GET", "/v2/", { headers: { Authorization: admin } })).status).toBe(
    200,
  );
});

test("the catalogue shows to each what it may pull", async () => {
  const accounts = await openAccounts();
  const { registry, admin, call } = accounts;
  await using _registry = registry;
  const alice = await addUser(accounts, "alice");
  await pushBlob(registry, "alice/app", "x", { headers: { Authorization: alice } });
  await pushBlob(registry, "base", "x", { headers: { Authorization: admin } });
  const asked = await registry.fetch("GET", "/v2/_catalog");
  expect(asked.headers.get("www-authenticate")).toContain('scope="registry:catalog:*"');
  const list = async (auth: string): Promise<unknown> => {
    const token = await tokenFor(registry, auth, "registry:catalog:*");
    const answer = await registry.fetch("GET", "/v2/_catalog", {
      headers: { Authorization: token },
    });
    return ((await answer.json()) as { repositories: unknown }).repositories;
  };
  expect([await list(""), await list(alice), await list(admin)]).toEqual([
    [],
    ["alice/app"],
    ["alice/app", "base"],
  ]);
  await call("PATCH", "/repositories/base", admin, {
    public: true,
    description: "Where all begin",
  });
  const found = await call("GET", "/repositories?q=BEGIN", "");
  expect(((await found.json()) as { repositories: { name: string }[] }).repositories).toMatchObject(
    [{ name: "base", public: true }],
  );
});

test("what is changed stands in the audit log, which is for admins", async () => {
  const accounts = await openAccounts();
  const { registry, admin, call } = accounts;
  await using _registry = registry;
  const alice = await addUser(accounts, "alice");
  await pushImage(registry, "alice/app", "v1", { init: { headers: { Authorization: alice } } });
  expect((await call("GET", "/audit", alice)).status).toBe(403);
  const answer = await call("GET", "/audit", admin);
  const { entries } = (await answer.json()) as { entries: Record<string, unknown>[] };
  expect(entries.map(({ actor, action, object }) => [actor, action, object])).toEqual([
    ["alice", "manifest.push", "alice/app"],
    ["admin", "user.create", "alice"],
  ]);
});

test("the API refuses what it does not know, and describes itself", async () => {
  const { registry, admin, call } = await openAccounts();
  await using _registry = registry;
  const unknown = await call("POST", "/users", admin, {
    name: "x",
    password: "long enough",
    role: 1,
  });
  expect([unknown.status, await errorCode(unknown)]).toEqual([400, "INVALID_ARGUMENT"]);
  expect((await call("GET", "/users", "")).status).toBe(401);
  expect((await call("GET", "/nothing", admin)).status).toBe(404);
  expect((await call("PUT", "/users", admin)).headers.get("allow")).toBe("GET, POST");
  expect(
    (await call("POST", "/users", admin, { name: "A b", password: "long enough" })).status,
  ).toBe(400);
  const document = (await (await call("GET", "/openapi.json", "")).json()) as { paths: object };
  expect(Object.keys(document.paths)).toContain(
    "/api/v1/repositories/{repository}/grants/{grantee}",
  );
  const metrics = await registry.fetch("GET", "/metrics", { headers: { Authorization: admin } });
  expect(await metrics.text()).toContain("wharf_registry_requests_total");
  expect((await registry.fetch("GET", "/metrics")).status).toBe(401);
});
