import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { WHARF } from "../../harness/engine.ts";
import { writeOciLayout } from "../../harness/images/oci-layout.ts";
import { findRealClient } from "../../harness/real-clients.ts";
import { sha256 } from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

// The user's story: skopeo, podman and buildah, which know nothing of Wharf, against a private registry of ours.

const skopeo = findRealClient("skopeo");
const podman = findRealClient("podman");
const buildah = findRealClient("buildah");
const PASSWORDS = { alice: "alices password", bob: "bobs password" } as const;

let server: RegistryServer;
let folder = "";
let indexDigest = "";

beforeAll(async () => {
  server = await RegistryServer.open();
  folder = mkdtempSync(join(tmpdir(), "wharf-e2e-clients-"));
  indexDigest = await writeOciLayout(join(folder, "layout"), ["amd64", "arm64"]);
  for (const [name, password] of Object.entries(PASSWORDS)) {
    await manage(["user", "create", name], `${password}\n`);
  }
  await manage(["org", "create", "acme"]);
  await manage(["repo", "grant", "acme/*", "user:alice", "admin"]);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function manage(words: readonly string[], input = ""): Promise<string> {
  const env = {
    WHARF_REGISTRY: server.host,
    WHARF_REGISTRY_USER: "admin",
    WHARF_REGISTRY_PASSWORD: server.adminPassword,
  };
  return (await mustRun([WHARF, "registry", ...words], { env, input })).stdout.trim();
}

/** Where a client keeps whom it logged in as. */
function authFile(user: string): string {
  return join(folder, `auth-${user}.json`);
}

test.skipIf(!skopeo)(
  "skopeo: log in, copy an index with all its images in and across, list, delete; refused without rights",
  async () => {
    if (!skopeo) return;
    for (const [name, password] of Object.entries(PASSWORDS)) {
      const login = ["login", "--tls-verify=false", "--authfile", authFile(name), "-u", name];
      expect(
        await skopeo.mustRun([...login, "--password-stdin", server.host], { input: password }),
      ).toContain("Login Succeeded");
    }
    const wrong = ["login", "--tls-verify=false", "--authfile", authFile("nobody"), "-u", "bob"];
    const refused = await skopeo.run([...wrong, "-p", "wrong", server.host]);
    expect([refused.exitCode === 0, refused.stderr]).toEqual([
      false,
      expect.stringMatching(/unauthorized|authentication required|invalid username/),
    ]);

    const remote = (name: string): string => `docker://${server.host}/acme/${name}`;
    const copy = [
      "--insecure-policy",
      "copy",
      "--all",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
    ];
    const asAlice = ["--authfile", authFile("alice")];
    const layout = `oci:${join(folder, "layout")}:multi`;
    await skopeo.mustRun([...copy, ...asAlice, layout, remote("app:v1")]);
    await skopeo.mustRun([...copy, ...asAlice, remote("app:v1"), remote("copy:v1")]);
    const inspect = ["inspect", "--tls-verify=false", "--raw"];
    expect(sha256(await skopeo.mustRun([...inspect, ...asAlice, remote("copy:v1")]))).toBe(
      indexDigest,
    );
    await skopeo.mustRun([
      ...copy,
      ...asAlice,
      remote("copy:v1"),
      `oci:${join(folder, "back")}:multi`,
    ]);
    const back = JSON.parse(readFileSync(join(folder, "back/index.json"), "utf8")) as {
      readonly manifests: readonly { readonly digest: string }[];
    };
    expect(back.manifests.map(({ digest }) => digest)).toEqual([indexDigest]);

    for (const credentials of [["--no-creds"], ["--authfile", authFile("bob")]]) {
      const denied = await skopeo.run([...inspect, ...credentials, remote("app:v1")]);
      expect([denied.exitCode === 0, denied.stderr]).toEqual([
        false,
        expect.stringMatching(/unauthorized|denied|authentication required/),
      ]);
    }
    await manage(["repo", "grant", "acme/app", "user:bob", "read"]);
    await skopeo.mustRun([...inspect, "--authfile", authFile("bob"), remote("app:v1")]);
    const deletion = ["delete", "--tls-verify=false"];
    expect(
      (await skopeo.run([...deletion, "--authfile", authFile("bob"), remote("app:v1")])).exitCode,
    ).not.toBe(0);

    const list = ["list-tags", "--tls-verify=false", ...asAlice];
    expect(await skopeo.mustRun([...list, remote("app")])).toContain('"v1"');
    await skopeo.mustRun([...deletion, ...asAlice, remote("app:v1")]);
    expect((await skopeo.run([...inspect, ...asAlice, remote("app:v1")])).stderr).toContain(
      "manifest unknown",
    );
    await skopeo.mustRun([...inspect, ...asAlice, remote("copy:v1")]);
  },
  120_000,
);

/** Storage of podman and buildah that is the test's own. */
function storageFlags(): readonly string[] {
  const place = ["--root", join(folder, "storage"), "--runroot", join(folder, "run")];
  return [...place, "--storage-driver", "vfs"];
}

test.skipIf(!podman || !skopeo)(
  "podman: log in, pull what skopeo pushed, push it on, be refused without rights",
  async () => {
    if (!podman || !skopeo) return;
    const run = (words: readonly string[], input = ""): Promise<string> =>
      podman.mustRun([...storageFlags(), ...words], { input });
    const login = ["login", "--tls-verify=false", "--authfile", authFile("podman"), "-u", "alice"];
    await run([...login, "--password-stdin", server.host], PASSWORDS.alice);
    const flags = ["--tls-verify=false", "--authfile", authFile("podman")];
    const source = `docker://${server.host}/acme/podman:v1`;
    const layout = `oci:${join(folder, "layout")}:multi`;
    const copy = ["--insecure-policy", "copy", "--all", "--dest-tls-verify=false"];
    await skopeo.mustRun([...copy, "--authfile", authFile("podman"), layout, source]);

    const image = `${server.host}/acme/podman`;
    await run(["pull", ...flags, "--quiet", `${image}:v1`]);
    await run(["tag", `${image}:v1`, `${image}:v2`]);
    await run(["push", ...flags, `${image}:v2`]);
    expect(await manage(["repo", "tags", "acme/podman"])).toContain("v2");
    await run(["rmi", `${image}:v1`, `${image}:v2`]);
    await run(["pull", ...flags, "--quiet", `${image}:v2`]);
    await run(["rmi", `${image}:v2`]);

    await run(["logout", "--authfile", authFile("podman"), server.host]);
    const denied = await podman.run([...storageFlags(), "pull", ...flags, `${image}:v2`]);
    expect([denied.exitCode === 0, denied.stderr]).toEqual([
      false,
      expect.stringMatching(/unauthorized|denied|authentication required/),
    ]);
  },
  120_000,
);

test.skipIf(!buildah)(
  "buildah: commit a new image straight to the registry, and build on what is there",
  async () => {
    if (!buildah) return;
    const run = (words: readonly string[]): Promise<string> =>
      buildah.mustRun([...storageFlags(), ...words]);
    const login = ["login", "--tls-verify=false", "--authfile", authFile("buildah"), "-u", "alice"];
    await run([...login, "-p", PASSWORDS.alice, server.host]);
    const flags = ["--tls-verify=false", "--authfile", authFile("buildah")];
    mkdirSync(join(folder, "files"));
    writeFileSync(join(folder, "files/hello"), "from buildah");
    const scratch = await run(["from", "scratch"]);
    await run(["add", scratch, join(folder, "files/hello"), "/hello"]);
    const image = `docker://${server.host}/acme/buildah`;
    await run(["commit", ...flags, "--quiet", scratch, `${image}:v1`]);
    await run(["rm", scratch]);
    const based = await run(["from", ...flags, `${image}:v1`]);
    await run(["config", "--label", "by=buildah", based]);
    await run(["commit", ...flags, "--quiet", based, `${image}:v2`]);
    await run(["rm", based]);
    expect(await manage(["repo", "tags", "acme/buildah"])).toMatch(/v1[^]*v2/);
    await run(["logout", "--authfile", authFile("buildah"), server.host]);
    const pull = ["pull", "--policy", "always", ...flags];
    const denied = await buildah.run([...storageFlags(), ...pull, `${image}:v1`]);
    expect([denied.exitCode === 0, denied.stderr]).toEqual([
      false,
      expect.stringMatching(/unauthorized|denied|authentication required/),
    ]);
  },
  120_000,
);
