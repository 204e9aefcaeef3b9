// The user's story: a team's engines are Docker's own, and its registry is ours.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DockerEngine } from "../../harness/docker-engine.ts";
import { CACHE, WHARF } from "../../harness/engine.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const REFUSED = /denied|unauthorized|authentication required|no basic auth/;

let server: RegistryServer;
let engine: DockerEngine | undefined;

beforeAll(async () => {
  [server, engine] = await Promise.all([RegistryServer.open(), DockerEngine.start()]);
  for (const name of ["alice", "bob"])
    await manage(["user", "create", name], `${name}s password\n`);
  await manage(["org", "create", "acme"]);
  await manage(["repo", "grant", "acme/*", "user:alice", "admin"]);
}, 120_000);
afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), engine?.[Symbol.asyncDispose]()]);
});

async function manage(words: readonly string[], input = ""): Promise<string> {
  const env = {
    WHARF_REGISTRY: server.host,
    WHARF_REGISTRY_USER: "admin",
    WHARF_REGISTRY_PASSWORD: server.adminPassword,
  };
  return (await mustRun([WHARF, "registry", ...words], { env, input })).stdout.trim();
}

test("docker on Docker's own engine: log in, push, pull by tag and digest, all tags; refused without rights", async () => {
  if (!engine) return; // told as a skip by the harness
  const docker = engine;
  const login = (user: string): readonly string[] => ["login", "-u", user, "--password-stdin"];
  const wrong = await docker.docker("bob", [...login("bob"), server.host], { input: "wrong" });
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringMatching(/unauthorized/)]);
  for (const user of ["alice", "bob"]) {
    const input = `${user}s password`;
    expect(await docker.mustDocker(user, [...login(user), server.host], { input })).toContain(
      "Login Succeeded",
    );
  }

  await docker.mustDocker("alice", ["import", join(CACHE, "busybox.tar"), "busybox"]);
  const idOf = (name: string): Promise<string> =>
    docker.mustDocker("alice", ["image", "inspect", "-f", "{{.Id}}", name]);
  const id = await idOf("busybox");
  const app = `${server.host}/acme/app`;
  for (const tag of ["v1", "v2"])
    await docker.mustDocker("alice", ["tag", "busybox", `${app}:${tag}`]);
  const denied = await docker.docker("bob", ["push", `${app}:v1`]);
  expect([denied.exitCode, denied.stderr]).toEqual([1, expect.stringMatching(REFUSED)]);
  const pushed = await docker.mustDocker("alice", ["push", `${app}:v1`]);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1] ?? "";
  expect(await docker.mustDocker("alice", ["push", `${app}:v2`])).toContain("Layer already exists");

  const forget = ["rmi", "-f", id];
  await docker.mustDocker("alice", forget);
  for (const user of ["bob", "nobody"]) {
    const refused = await docker.docker(user, ["pull", `${app}:v1`]);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(REFUSED)]);
  }
  await manage(["repo", "grant", "acme/app", "user:bob", "read"]);
  await docker.mustDocker("bob", ["pull", `${app}:v1`]);
  expect(await idOf(`${app}:v1`)).toBe(id);
  await docker.mustDocker("alice", forget);
  await docker.mustDocker("bob", ["pull", `${app}@${digest}`]);
  expect(await idOf(`${app}@${digest}`)).toBe(id);
  await docker.mustDocker("bob", ["pull", "-a", app]);
  expect(await idOf(`${app}:v2`)).toBe(id);
  await docker.mustDocker("alice", forget);

  await manage(["repo", "revoke", "acme/app", "user:bob"]);
  expect((await docker.docker("bob", ["pull", `${app}:v1`])).exitCode).toBe(1);
  await manage(["repo", "update", "--public", "acme/app"]);
  await docker.mustDocker("nobody", ["pull", `${app}:v1`]);
  await docker.mustDocker("alice", ["logout", server.host]);
  const out = await docker.docker("alice", ["push", `${app}:v1`]);
  expect([out.exitCode, out.stderr]).toEqual([1, expect.stringMatching(REFUSED)]);
}, 120_000);
