// A user puts images of several platforms under one name, by docker's client or ours, and with both.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { CACHE, DOCKER, hasDockerCli, startEngine, WHARF } from "../../harness/engine.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const folder = mkdtempSync("/var/tmp/wharf-e2e-manifest-");
let server: RegistryServer;
let host = "";

beforeAll(async () => {
  server = await RegistryServer.open({ flags: ["--auth", "none"] });
  host = `${server.host}/m`;
  await using engine = await startEngine({ images: ["busybox"] });
  await engine.mustWharf("tag", "busybox", `${host}/amd:1`);
  const root = join(CACHE, "busybox.tar");
  await engine.mustWharf("import", "--platform", "linux/arm64", root, `${host}/arm:1`);
  for (const name of ["amd", "arm"]) await engine.mustWharf("push", "-q", `${host}/${name}:1`);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client prints, with its exit code. */
async function manifest(client: string, ...words: readonly string[]): Promise<string> {
  const env = { DOCKER_CONFIG: folder, WHARF_AUTOSTART: "0", DOCKER_HOST: "unix:///nosuch" };
  const result = await runCommand([client, "manifest", ...words], { env });
  return `${result.exitCode}\n${result.stdout}${result.stderr}`;
}

async function indexOf(repository: string): Promise<string> {
  const answer = await fetch(`${server.url}/v2/m/${repository}/manifests/1`, {
    headers: { Accept: "application/vnd.oci.image.index.v1+json" },
  });
  return await answer.text();
}

describe("manifest", () => {
  test("create, annotate and push make a list that a pull chooses from", async () => {
    const list = `${host}/app:1`;
    const created = await manifest(
      WHARF,
      "create",
      "--insecure",
      list,
      `${host}/amd:1`,
      `${host}/arm:1`,
    );
    expect(created).toBe(`0\nCreated manifest list ${list}\n`);
    expect(await manifest(WHARF, "create", list, `${host}/amd:1`)).toBe(
      "1\nrefusing to amend an existing manifest list with no --amend flag\n",
    );
    const arm = [list, `${host}/arm:1`];
    const flags = ["--variant", "v8", "--os", "linux", "--arch", "arm64"];
    const windows = ["--os-version", "10.0", "--os-features", "win32k"];
    expect(await manifest(WHARF, "annotate", ...flags, ...windows, ...arm)).toBe("0\n");
    expect(await manifest(WHARF, "annotate", "--arch", "vax", ...arm)).toBe(
      "1\nmanifest entry for image has unsupported os/arch combination: /vax\n",
    );
    const pushed = await manifest(WHARF, "push", "--insecure", "--purge", list);
    expect(pushed).toMatch(/^0\n(Pushed ref \S+ with digest: \S+\n){2}sha256:[0-9a-f]{64}\n$/);
    expect(readdirSync(join(folder, "manifests"))).toEqual([]);
    const index = JSON.parse(await indexOf("app")) as { manifests: { platform: object }[] };
    expect(index.manifests.map((one) => one.platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      {
        architecture: "arm64",
        os: "linux",
        "os.version": "10.0",
        "os.features": ["win32k"],
        variant: "v8",
      },
    ]);
    expect(await manifest(WHARF, "inspect", "--insecure", list)).toBe(
      `0\n${await indexOf("app")}\n`,
    );
    await using engine = await startEngine();
    expect(await engine.mustDocker("run", "--rm", list, "echo", "chosen")).toBe("chosen");
    expect(await engine.mustDocker("pull", "-q", "--platform", "linux/arm64", list)).toBe(list);
    const format = "{{.Architecture}}";
    expect(await engine.mustDocker("image", "inspect", "-f", format, list)).toBe("arm64");
  }, 60_000);

  test.skipIf(!hasDockerCli)(
    "docker's client goes on with what ours began, and prints the same",
    async () => {
      const list = `${host}/both:1`;
      await mustRun([WHARF, "manifest", "create", "--insecure", list, `${host}/amd:1`], {
        env: { DOCKER_CONFIG: folder },
      });
      const add = ["create", "--insecure", "--amend", list, `${host}/arm:1`];
      expect(await manifest(DOCKER, ...add)).toContain("Created");
      const same = async (...words: readonly string[]): Promise<string> => {
        const ours = await manifest(WHARF, ...words);
        expect([words, ours]).toEqual([words, await manifest(DOCKER, ...words)]);
        return ours;
      };
      await same("annotate", "--variant", "v8", list, `${host}/arm:1`);
      await same("inspect", list);
      expect(await same("inspect", "-v", list)).toContain('"OCIManifest"');
      await same("inspect", list, `${host}/arm:1`);
      await same("inspect", "--verbose", list, `${host}/arm:1`);
      await same("inspect", list, `${host}/other:1`);
      await same("inspect", "--insecure", `${host}/amd:1`);
      await same("inspect", "--insecure", "-v", `${host}/amd:1`);
      await same("inspect", "--insecure", `${host}/nosuch:1`);
      await same("inspect", "A b", "a");
      await same("annotate", list, `${host}/other:1`);
      await same("push", "--insecure", list);
      await same("inspect", "--insecure", list);
      await same("create", list, `${host}/amd:1`);
      await same("create", "--insecure", `${host}/of-lists:1`, list);
      expect(await manifest(WHARF, "rm", list, `${host}/nosuch`)).toBe(
        `1\nNo such manifest: ${host}/nosuch:latest\n`,
      );
      await same("rm", list);
      await same("push", list);
      await same("inspect", "--insecure", list);
      await same("inspect", "--insecure", "-v", list);
      await same("create", "--insecure", `${host}/of-lists:1`, list);
      await same("create", "x", "A b");
    },
    60_000,
  );

  test("what cannot be a list is refused by name", async () => {
    const list = `${host}/odd:1`;
    const missing = `${host}/nosuch:1`;
    expect(await manifest(WHARF, "create", "--insecure", list, missing)).toBe(
      `1\nno such manifest: ${missing}\n`,
    );
    expect(await manifest(WHARF, "create", "--insecure", list, "127.0.0.1:1/a:1")).toMatch(
      /^1\nfailed to configure transport: error pinging v2 registry: .*connection refused\n$/,
    );
    await manifest(WHARF, "create", "--insecure", "127.0.0.1:1/a:1", `${host}/amd:1`);
    expect(await manifest(WHARF, "push", "--insecure", "127.0.0.1:1/a:1")).toBe(
      "1\nfailed to assemble ManifestDescriptor: cannot use source images from a different registry " +
        `than the target image: ${server.host} != 127.0.0.1:1\n`,
    );
    expect(await manifest(WHARF, "annotate", "--arch", "arm64", list, missing)).toBe(
      `1\nmanifest for image ${missing} does not exist in ${list}\n`,
    );
  }, 30_000);
});
