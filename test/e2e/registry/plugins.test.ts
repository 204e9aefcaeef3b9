// A user publishes a plugin and others install it: through a registry, between docker's client and ours.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { makePluginContext, PLUGIN_CONFIG } from "../../harness/managed-plugin/context.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const folder = mkdtempSync("/var/tmp/wharf-e2e-plugins-");
let server: RegistryServer;
let maker: TestEngine;
let user: TestEngine;
let name = "";

beforeAll(async () => {
  [server, maker, user] = await Promise.all([
    RegistryServer.open({ flags: ["--auth", "none"] }),
    startEngine({ images: [] }),
    startEngine(),
  ]);
  name = `${server.host}/tools/keeper:1`;
  makePluginContext(folder, "keeper", PLUGIN_CONFIG);
  await maker.mustDocker("plugin", "create", name, join(folder, "keeper"));
});
afterAll(async () => {
  await Promise.all([maker, user, server].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
});

async function manifest(tag: string): Promise<string> {
  const answer = await fetch(`${server.url}/v2/tools/keeper/manifests/${tag}`, {
    headers: { Accept: "*/*" },
  });
  return await answer.text();
}

describe("a plugin of a registry", () => {
  test("is pushed as docker's are", async () => {
    expect(await maker.mustDocker("plugin", "push", name)).toContain("Upload complete");
    expect(JSON.parse(await manifest("1"))).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/vnd.docker.plugin.v1+json" },
      layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
    });
    expect(await maker.mustWharf("plugin", "push", name)).toMatch(/^1: digest: sha256:/m);
  }, 30_000);

  test("is installed with what the user grants, runs, and is passed on byte for byte", async () => {
    const refused = await user.wharf(["plugin", "install", name], { input: "n\n" });
    expect(refused.stdout).toBe(
      `Plugin "${name}" is requesting the following privileges:\n - network: [host]\n - mount: [/usr]\n` +
        " - device: [/dev/null]\n - capabilities: [CAP_SYS_ADMIN]\n" +
        "Do you grant the above permissions? [y/N] ",
    );
    expect(refused.stderr).toBe(`permission denied while installing plugin ${name}\n`);
    const docker = await user.docker(["plugin", "install", name], { input: "n\n" });
    expect(docker.stdout).toBe(refused.stdout);
    const pull = await user.api("POST", `/plugins/pull?remote=${name}`, []);
    expect(await pull.text()).toContain('"error":"incorrect privileges"');
    expect(await user.mustWharf("plugin", "ls", "-q")).toBe("");
    const install = ["plugin", "install", "--grant-all-permissions", "--alias", "mine"];
    expect(await user.mustWharf(...install, name, "WORD=set")).toContain(
      `Installed plugin ${name}`,
    );
    expect((await user.docker([...install, name])).stderr).toContain(
      "plugin mine:latest already exists",
    );
    await user.mustDocker("volume", "create", "-d", "mine", "v1");
    const read = ["run", "--rm", "--network", "none", "-v", "v1:/d", "busybox", "cat", "/d/word"];
    expect(await user.mustDocker(...read)).toStartWith("set");
    await user.mustDocker("volume", "rm", "v1");
    const shown = ["plugin", "inspect", "-f", "{{.Name}} {{.PluginReference}}", "mine"];
    expect(await user.mustDocker(...shown)).toBe(`mine:latest ${name}`);
    await user.mustDocker("plugin", "install", "--grant-all-permissions", "--disable", name);
    const before = await manifest("1");
    await user.mustDocker("plugin", "push", name);
    expect(await manifest("1")).toBe(before);
    await user.mustDocker("plugin", "rm", name);
  }, 60_000);

  test("is upgraded while it is disabled, keeping what was set", async () => {
    const next = `${server.host}/tools/keeper:2`;
    const config = { ...PLUGIN_CONFIG, Description: "keeps more", Network: { Type: "" } };
    makePluginContext(folder, "next", config);
    await maker.mustDocker("plugin", "create", next, join(folder, "next"));
    await maker.mustDocker("plugin", "push", next);
    const upgrade = ["plugin", "upgrade", "--grant-all-permissions"];
    expect((await user.docker([...upgrade, "mine", next])).stderr).toContain(
      "the plugin must be disabled before upgrading",
    );
    await user.mustDocker("plugin", "disable", "mine");
    const path = `/plugins/mine/upgrade?remote=${next}`;
    expect(await (await user.api("POST", path, [])).text()).toContain("incorrect privileges");
    // another tag is another image, to docker's client as to ours
    const asked = await user.docker([...upgrade, "mine", next], { input: "n\n" });
    expect(asked.stdout).toEndWith("Plugin images do not match, are you sure? [y/N] ");
    expect(await user.wharf([...upgrade, "mine", next], { input: "n\n" })).toEqual(asked);
    const upgraded = await user.mustWharf(...upgrade, "--skip-remote-check", "mine", next);
    expect(upgraded).toContain(`Upgrading plugin mine:latest from ${name} to ${next}`);
    expect(upgraded).toEndWith(`Upgraded plugin mine:latest to ${next}`);
    const format = "{{.Config.Description}} {{json .Settings.Env}}";
    expect(await user.mustDocker("plugin", "inspect", "-f", format, "mine")).toBe(
      'keeps more ["WORD=set","FIXED=1"]',
    );
    const [id = ""] = readdirSync(join(user.root, "data/plugins"));
    const left = readdirSync(join(user.root, "data/plugins", id));
    expect(left.filter((one) => one.startsWith("v-") || one === "rootfs")).toHaveLength(1);
    await user.restart();
    await user.mustDocker("plugin", "enable", "mine");
    expect(await user.mustDocker("plugin", "ls", "--format", "{{.Enabled}}")).toBe("true");
    await user.mustDocker("plugin", "disable", "mine");
    const other = [...upgrade, "mine", `${server.host}/other/keeper:1`];
    expect((await user.wharf(other, { input: "n\n" })).stdout).toContain(
      "Plugin images do not match, are you sure? [y/N] ",
    );
    expect((await user.wharf([...other, "--skip-remote-check"])).stderr).toContain(
      `error resolving plugin reference: ${server.host}/other/keeper:1: not found`,
    );
    await user.mustDocker("plugin", "rm", "mine");
    expect(readdirSync(join(user.root, "data/plugins"))).toEqual([]);
  }, 60_000);

  test("an image is no plugin, and a plugin no image", async () => {
    const image = `${server.host}/tools/image:1`;
    await user.mustDocker("tag", "busybox", image);
    await user.mustDocker("push", "-q", image);
    const grant = ["plugin", "install", "--grant-all-permissions"];
    expect((await user.docker([...grant, image])).stderr).toContain(
      `did not find plugin config for specified reference ${image}`,
    );
    expect((await user.docker(["pull", name])).stderr).toContain(
      'Encountered remote "application/vnd.docker.plugin.v1+json"(plugin) when fetching',
    );
    expect((await user.docker(["plugin", "push", "nosuch"])).stderr).toContain(
      'plugin "nosuch:latest" not found',
    );
  }, 30_000);
});
