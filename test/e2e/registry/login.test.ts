import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

// The user's story: a registry that wants to know who asks. Log in, push, pull, log out.

let engine: TestEngine;
let registry: DockerRegistry;
let passwords = "";

beforeAll(async () => {
  engine = await startEngine();
  passwords = `${engine.root}-htpasswd`;
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(passwords, `ann:${hash.replace("$2b$", "$2y$")}\n`);
  registry = await DockerRegistry.start({
    configuration: `auth:\n  htpasswd: {realm: here, path: ${passwords}}`,
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  rmSync(passwords, { force: true });
});

function configuration(): { readonly auths?: Readonly<Record<string, unknown>> } {
  return JSON.parse(readFileSync(join(engine.root, "client/config.json"), "utf8")) as {
    auths?: Record<string, unknown>;
  };
}

test("a wrong password is refused in the registry's words, by both clients", async () => {
  for (const client of ["docker", "wharf"] as const) {
    const result = await engine[client](["login", "-u", "ann", "-p", "wrong", registry.address]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(
      `Get "http://${registry.address}/v2/": unauthorized: authentication required`,
    );
  }
});

test("who is not logged in may neither pull nor push", async () => {
  const name = `${registry.address}/private/busybox`;
  await engine.mustWharf("tag", "busybox:latest", `${name}:1`);
  const pulled = await engine.wharf(["pull", `${name}:1`]);
  expect(pulled.stderr).toContain(
    `Head "http://${registry.address}/v2/private/busybox/manifests/1": no basic auth credentials`,
  );
  const pushed = await engine.wharf(["push", `${name}:1`]);
  expect(pushed.exitCode).toBe(1);
  expect(pushed.stderr).toContain("no basic auth credentials");
});

test("login keeps what push, pull and run then use, until logout", async () => {
  const name = `${registry.address}/private/busybox`;
  const login = await engine.wharf(
    ["login", "--username", "ann", "--password-stdin", registry.address],
    {
      input: "secret\n",
    },
  );
  expect(login.stdout).toBe("Login Succeeded\n");
  expect(login.stderr).toContain("WARNING! Your credentials are stored unencrypted");
  expect(configuration().auths).toEqual({ [registry.address]: { auth: btoa("ann:secret") } });
  // the other client reads the same file
  expect(await engine.mustDocker("login", registry.address)).toContain("Login Succeeded");

  await engine.mustWharf(
    "push",
    "--disable-content-trust",
    "-q",
    "--platform",
    "linux/amd64",
    `${name}:1`,
  );
  await engine.mustWharf("tag", "busybox:latest", `${name}:2`);
  await engine.mustWharf("push", "--all-tags", name);
  await engine.mustWharf("rmi", `${name}:1`, `${name}:2`);
  expect(await engine.mustWharf("pull", "--quiet", "--platform", "linux/amd64", `${name}:1`)).toBe(
    `${name}:1`,
  );
  await engine.mustWharf("pull", "--disable-content-trust", "--all-tags", name);
  await engine.mustWharf("rmi", "-f", `${name}:1`, `${name}:2`);
  const run = await engine.wharf(["run", "--rm", `${name}:2`, "echo", "from the registry"]);
  expect(run.stdout).toBe("from the registry\n");
  expect(run.stderr).toContain(`Unable to find image '${name}:2' locally`);
  const always = await engine.wharf(["run", "--rm", "--pull", "always", "-q", `${name}:2`, "true"]);
  expect(always.stderr).toBe("");

  expect(await engine.mustWharf("logout", registry.address)).toBe(
    `Removing login credentials for ${registry.address}`,
  );
  expect(configuration().auths).toEqual({});
  const again = await engine.wharf(["logout", registry.address]);
  expect(again.stderr).toContain("Not logged in to");
});

test("a credential helper keeps the secret in place of the file", async () => {
  const bin = join(engine.root, "bin");
  const kept = join(engine.root, "kept.json");
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, "docker-credential-box"),
    `#!/bin/sh\ncase $1 in\nstore) cat > ${kept};;\nget) [ -s ${kept} ] && cat ${kept} || { echo "credentials not found in native keychain"; exit 1; };;\nerase) rm -f ${kept};;\nesac\n`,
    { mode: 0o755 },
  );
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  mkdirSync(join(engine.root, "client"), { recursive: true });
  writeFileSync(join(engine.root, "client/config.json"), '{"credsStore":"box"}');
  const login = await engine.wharf(["login", "-u", "ann", "--password-stdin", registry.address], {
    input: "secret",
    env,
  });
  expect(login.stderr).not.toContain("unencrypted");
  expect(login.stdout).toContain("Login Succeeded");
  expect(JSON.parse(readFileSync(kept, "utf8"))).toEqual({
    ServerURL: registry.address,
    Username: "ann",
    Secret: "secret",
  });
  expect(configuration().auths).toEqual({ [registry.address]: {} });
  const pulled = await engine.wharf(["pull", `${registry.address}/private/busybox:1`], { env });
  expect(pulled.exitCode).toBe(0);
  expect((await engine.wharf(["logout", registry.address], { env })).exitCode).toBe(0);
  expect(
    (await engine.wharf(["pull", `${registry.address}/private/busybox:1`], { env })).exitCode,
  ).toBe(1);
});

test("without a terminal login asks nothing", async () => {
  rmSync(join(engine.root, "client/config.json"), { force: true });
  const result = await engine.wharf(["login", registry.address]);
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain("cannot perform an interactive login from a non-TTY device");
  const bare = await engine.wharf(["login", "--password-stdin", registry.address], { input: "x" });
  expect(bare.stderr).toContain("the --password-stdin option requires --username to be set");
});
