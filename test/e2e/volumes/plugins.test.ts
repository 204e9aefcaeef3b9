// A user keeps volumes at a driver that is a plugin, which dies, hangs and answers nonsense.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestEngine } from "../../harness/engine.ts";
import type { TestPlugin } from "../../harness/plugins/plugin.ts";
import { PluginEngine } from "../../harness/plugins/plugin-engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let beside: PluginEngine;
let plugin: TestPlugin;
let engine: TestEngine;

beforeAll(async () => {
  beside = await PluginEngine.start();
  ({ plugin, engine } = beside);
});
afterAll(async () => {
  await beside[Symbol.asyncDispose]();
});
beforeEach(() => {
  plugin.behave();
  plugin.forgetCalls();
});

const methods = () =>
  plugin
    .calls()
    .map(({ method }) => method.replace("VolumeDriver.", ""))
    .filter((method) => !["Get", "List", "Capabilities", "Plugin.Activate"].includes(method));

describe("a volume driver that is a plugin", () => {
  test("volumes are created, shown with its status and scope, used and removed", async () => {
    await engine.mustDocker(
      "volume",
      "create",
      "-d",
      "keeper",
      "-o",
      "size=3",
      "--label",
      "a=b",
      "one",
    );
    expect(plugin.calls("VolumeDriver.Create")[0]?.body).toEqual({
      Name: "one",
      Opts: { size: "3" },
    });
    const format = "{{.Driver}} {{.Scope}} {{json .Status}} {{json .Labels}} {{.CreatedAt}}";
    expect(await engine.mustDocker("volume", "inspect", "-f", format, "one")).toBe(
      'keeper global {"answer":42,"nested":{"word":"yes"}} {"a":"b"} 2024-05-06T07:08:09Z',
    );
    await engine.mustDocker("run", "--rm", "-v", "one:/d", "busybox", "sh", "-c", "echo hi >/d/x");
    expect(readFileSync(join(plugin.folder, "volumes/one/x"), "utf8")).toBe("hi\n");
    await waitUntil("the plugin unmounts", async () => methods().includes("Unmount"));
    expect(methods()).toEqual(["Create", "Mount", "Unmount"]);
    const [mount] = plugin.calls("VolumeDriver.Mount");
    expect(plugin.calls("VolumeDriver.Unmount")[0]?.body).toEqual(mount?.body);
    await engine.mustDocker("volume", "rm", "one");
    expect(existsSync(join(plugin.folder, "volumes/one"))).toBe(false);
    expect(await engine.mustDocker("info", "-f", "{{.Plugins.Volume}}")).toBe("[local keeper]");
  });

  test("--volume-driver and --mount volume-driver= make them; --rm takes anonymous ones", async () => {
    await engine.mustDocker(
      "run",
      "--rm",
      "--volume-driver",
      "keeper",
      "-v",
      "/d",
      "busybox",
      "true",
    );
    await engine.mustDocker(
      ...[
        "run",
        "--rm",
        "--mount",
        "type=volume,src=two,dst=/etc,volume-driver=keeper,volume-opt=k=v",
      ],
      ...["busybox", "ls", "/etc"],
    );
    expect(existsSync(join(plugin.folder, "volumes/two/passwd"))).toBe(true); // copied up
    expect(await engine.mustDocker("volume", "ls", "-q", "-f", "driver=keeper")).toBe("two");
    await engine.mustDocker("volume", "rm", "two");
  });

  test("what the plugin made by itself is listed, used by its name and removed", async () => {
    const create = { Name: "own", Opts: {} };
    await fetch("http://plugin/VolumeDriver.Create", {
      method: "POST",
      unix: plugin.socket,
      body: JSON.stringify(create),
    });
    expect(await engine.mustDocker("volume", "ls", "-f", "name=own")).toMatch(/keeper +own/);
    await engine.mustDocker("run", "--rm", "-v", "own:/d", "busybox", "touch", "/d/y");
    expect(existsSync(join(plugin.folder, "volumes/own/y"))).toBe(true);
    await engine.mustDocker("volume", "rm", "own");
    expect((await engine.docker(["volume", "inspect", "own"])).stderr).toContain(
      "get own: no such volume",
    );
  });

  test("its refusals are shown in its words", async () => {
    plugin.behave("VolumeDriver.Create refuse disk on fire");
    const refused = await engine.docker(["volume", "create", "-d", "keeper", "hot"]);
    expect(refused.stderr).toContain("create hot: VolumeDriver.Create: disk on fire");
    plugin.behave("VolumeDriver.Create fail still on fire");
    expect((await engine.docker(["volume", "create", "-d", "keeper", "hot"])).stderr).toContain(
      "create hot: VolumeDriver.Create: still on fire",
    );
    expect(await engine.mustDocker("volume", "ls", "-q", "-f", "name=hot")).toBe("");
  });

  test.each([
    ["garbage", "answered what cannot be understood"],
    ["close", "closed the connection before it had answered"],
    ['say {"Mountpoint":"relative/path"}', "which is no absolute path"],
    ['say {"Mountpoint":7}', "answered what cannot be understood"],
    ['say {"Mountpoint":"/no/such/folder/anywhere"}', "which is not there"],
  ])("a mount that is answered by %s fails by name and leaves nothing", async (mode, message) => {
    await engine.mustDocker("volume", "create", "-d", "keeper", "odd");
    plugin.behave(`VolumeDriver.Mount ${mode}`);
    const failed = await engine.docker(["run", "--name", "odd", "-v", "odd:/d", "busybox", "true"]);
    expect([failed.exitCode, failed.stderr]).toEqual([125, expect.stringContaining(message)]);
    plugin.behave();
    await engine.mustDocker("rm", "-f", "odd");
    await engine.mustDocker("volume", "rm", "odd");
  });

  test("rm -f ends a start that waits for a plugin that hangs", async () => {
    await engine.mustDocker("volume", "create", "-d", "keeper", "slow");
    await engine.mustDocker("create", "--name", "slow", "-v", "slow:/d", "busybox", "true");
    plugin.behave("VolumeDriver.Mount hang");
    const starting = engine.docker(["start", "slow"]);
    await waitUntil("it is asked", async () => methods().includes("Mount"));
    await engine.mustDocker("rm", "-f", "slow");
    expect((await starting).exitCode).toBe(1);
    plugin.behave();
    await engine.mustDocker("volume", "rm", "slow");
    expect(methods()).toEqual(["Create", "Mount", "Unmount", "Remove"]);
  });

  test("a dead plugin is named; rm -f of its containers and volumes works", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "last",
      "--volume-driver",
      "keeper",
      "-v",
      "gone:/d",
      "busybox",
      "sleep",
      "100",
    );
    await plugin.kill();
    await engine.mustDocker("rm", "-f", "last");
    const refused = await engine.docker(["volume", "rm", "gone"]);
    expect(refused.stderr).toContain(
      'remove gone: VolumeDriver.Remove: plugin "keeper" at unix://',
    );
    expect(refused.stderr).toContain("is not running: connection refused");
    await engine.mustDocker("volume", "rm", "-f", "gone");
    expect((await engine.docker(["volume", "ls"])).exitCode).toBe(0);
    await plugin.start();
  });

  test("mounted volumes outlive the engine; unmounts that it died over are made up for", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "stays",
      "--volume-driver",
      "keeper",
      "-v",
      "held:/d",
      "busybox",
      "sleep",
      "100",
    );
    await engine.crash();
    plugin.forgetCalls();
    await engine.start();
    expect(methods()).toEqual([]);
    await engine.mustDocker("exec", "stays", "touch", "/d/alive");
    await engine.mustDocker("rm", "-f", "stays");
    expect(methods()).toEqual(["Unmount"]);
    await engine.mustDocker("volume", "rm", "held");
  });
});

test("addresses in .spec and .json files are followed; a broken one is named", async () => {
  writeFileSync(join(beside.folder, "spelled.spec"), `unix://${plugin.socket}\n`);
  writeFileSync(join(beside.folder, "broken.json"), "{");
  await engine.mustDocker("volume", "create", "-d", "spelled", "spelt");
  await engine.mustDocker("volume", "rm", "spelt");
  const refused = await engine.docker(["volume", "create", "-d", "broken", "ss"]);
  expect(refused.stderr).toContain('Cannot read the JSON file of plugin "broken"');
  const absent = await engine.docker(["volume", "create", "-d", "../keeper", "ss"]);
  expect(absent.stderr).toContain(
    'error looking up volume plugin ../keeper: plugin "../keeper" not found',
  );
});
