// A user makes a plugin of a root file system and has the engine run it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { makePluginContext, PLUGIN_CONFIG } from "../../harness/managed-plugin/context.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder = "";

beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-managed-");
  makePluginContext(folder, "good", PLUGIN_CONFIG);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const refusalOf = async (...args: string[]) => (await engine.docker(args)).stderr.trim();

describe("a managed plugin", () => {
  test("is created, set, enabled, used, disabled and removed, in docker's words", async () => {
    const context = join(folder, "good");
    expect(await engine.mustDocker("plugin", "create", "keeper:1", context)).toBe("keeper:1");
    expect(await refusalOf("plugin", "create", "--compress", "keeper:1", context)).toContain(
      "plugin keeper:1 already exists",
    );
    const row = "{{.Name}} {{.Description}} {{.Enabled}}";
    expect(await engine.mustDocker("plugin", "ls", "--format", row)).toBe(
      "keeper:1 keeps volumes false",
    );
    expect(await refusalOf("volume", "create", "-d", "keeper:1", "v1")).toContain(
      "create v1: error looking up volume plugin keeper:1: plugin keeper:1 found but disabled",
    );
    expect(await refusalOf("plugin", "set", "keeper:1", "WORD=x", "FIXED=2")).toContain(
      '"FIXED" is not settable',
    );
    expect(await refusalOf("plugin", "set", "keeper:1", "NOPE=1")).toContain(
      'setting "NOPE" not found in the plugin configuration',
    );
    await engine.mustDocker(
      "plugin",
      "set",
      "keeper:1",
      "WORD=bye",
      "args=x y",
      "null.path=/dev/zero",
    );
    await engine.mustDocker("plugin", "enable", "keeper:1");
    expect(await refusalOf("plugin", "enable", "keeper:1")).toContain(
      "plugin already enabled: plugin keeper:1 is enabled",
    );
    expect(await refusalOf("plugin", "set", "keeper:1", "WORD=x")).toContain(
      "cannot set on an active plugin",
    );
    expect(await refusalOf("volume", "create", "-d", "keeper", "v2")).toContain(
      'plugin "keeper" not found',
    );
    await engine.mustDocker("volume", "create", "-d", "keeper:1", "v1");
    expect(await engine.mustDocker("run", "--rm", "-v", "v1:/d", "busybox", "cat", "/d/word")).toBe(
      "bye x y",
    );
    expect(await engine.mustDocker("info", "-f", "{{.Plugins.Volume}}")).toBe("[local keeper:1]");
    expect(await refusalOf("plugin", "disable", "keeper:1")).toContain("plugin keeper:1 is in use");
    expect(await refusalOf("plugin", "rm", "keeper:1")).toContain("plugin keeper:1 is in use");
    await engine.mustDocker("plugin", "disable", "--force", "keeper:1");
    expect(await engine.mustDocker("plugin", "ls", "--format", "{{.Enabled}}")).toBe("false");
    await engine.mustDocker("plugin", "enable", "--timeout", "20", "keeper:1");
    const id = await engine.mustDocker("plugin", "ls", "--no-trunc", "--format", "{{.ID}}");
    expect(await engine.mustDocker("plugin", "inspect", "-f", "{{.ID}}", "keeper:1")).toBe(id);
    await engine.mustDocker("volume", "rm", "v1");
    expect(await refusalOf("plugin", "rm", "keeper:1")).toContain("plugin keeper:1 is enabled");
    await engine.mustDocker("plugin", "disable", "keeper:1");
    expect(await refusalOf("plugin", "disable", "keeper:1")).toContain(
      "plugin is already disabled: plugin keeper:1 found but disabled",
    );
    expect(
      await engine.mustDocker(
        "plugin",
        "inspect",
        "-f",
        "{{json .Settings.Env}} {{.Settings.Args}}",
        "keeper:1",
      ),
    ).toBe('["FIXED=1","WORD=bye"] [x y]');
    await engine.mustDocker("plugin", "rm", "keeper:1");
    expect(await refusalOf("plugin", "inspect", "keeper:1")).toContain(
      'plugin "keeper:1" not found',
    );
  });

  test("that mounts shares its mounts with the host and the containers", async () => {
    await engine.mustWharf("plugin", "create", "--compress", "keeper", join(folder, "good"));
    await engine.mustWharf("plugin", "enable", "keeper");
    expect(
      await engine.mustWharf(
        "plugin",
        "ls",
        "-f",
        "capability=volumedriver",
        "-f",
        "enabled=true",
        "--format",
        "{{.Name}}",
      ),
    ).toBe("keeper:latest");
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "up",
      "--volume-driver",
      "keeper",
      "-v",
      "tmp:/d",
      "busybox",
      "sleep",
      "100",
    );
    expect(await engine.mustDocker("exec", "up", "grep", " /d ", "/proc/mounts")).toStartWith(
      "tmpfs /d tmpfs",
    );
    await engine.mustDocker("rm", "-f", "up");
    await engine.mustDocker("volume", "rm", "tmp");
  });

  test("outlives a crash of the engine, starts again when it ends, and with the engine", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "stays",
      "--volume-driver",
      "keeper",
      "-v",
      "kept:/d",
      "busybox",
      "sleep",
      "100",
    );
    const before = pluginPid();
    await engine.crash();
    await engine.start();
    expect(pluginPid()).toBe(before);
    expect(await engine.mustDocker("exec", "stays", "cat", "/d/word")).toBe("hello a");
    process.kill(before ?? 0, "SIGKILL");
    const after = await waitUntil("it runs again", () => {
      const pid = pluginPid();
      return pid !== before && pid;
    });
    expect(after).not.toBe(before);
    await engine.mustDocker("rm", "-f", "stays");
    await engine.restart();
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("kept");
    await engine.mustDocker("volume", "rm", "kept");
    await engine.mustDocker("plugin", "rm", "-f", "keeper");
  });

  test("that does not come up says why, and stays disabled", async () => {
    const broken = makePluginContext(folder, "broken", {
      ...PLUGIN_CONFIG,
      Env: [],
      Entrypoint: ["/usr/bin/perl", "-e", "die 'no way'"],
    });
    await engine.mustDocker("plugin", "create", "broken", broken);
    expect(await refusalOf("plugin", "enable", "broken")).toMatch(
      /Cannot enable plugin broken:latest: it ended with exit code \d+; it said: no way/,
    );
    expect(await engine.mustDocker("plugin", "ls", "--format", "{{.Enabled}}")).toBe("false");
    await engine.mustDocker("plugin", "rm", "broken");
  });

  test("of nonsense is refused and leaves nothing", async () => {
    const refused = async (body: string | Uint8Array, name = "bad") => {
      const response = await fetch(`http://wharf/plugins/create?name=${name}`, {
        method: "POST",
        unix: engine.socket,
        headers: { "Content-Type": "application/x-tar" },
        body,
      });
      return [response.status, ((await response.json()) as { message: string }).message] as const;
    };
    const tar = async (context: string) => {
      const file = `${context}.tar`;
      await Bun.spawn(["tar", "-C", context, "-cf", file, "."]).exited;
      return readFileSync(file);
    };
    expect((await refused("nonsense"))[0]).toBeGreaterThanOrEqual(400);
    expect((await refused(await tar(join(folder, "good/rootfs"))))[1]).toBe(
      "config.json not found in the plugin",
    );
    const linked = join(folder, "linked");
    mkdirSync(join(linked, "rootfs"), { recursive: true });
    symlinkSync("/etc/passwd", join(linked, "config.json"));
    expect((await refused(await tar(linked)))[1]).toBe("config.json not found in the plugin");
    const odd = makePluginContext(folder, "odd", {
      ...PLUGIN_CONFIG,
      Interface: { Types: [], Socket: "../x" },
    });
    expect((await refused(await tar(odd)))[1]).toContain('Interface.Socket "../x" is no file name');
    expect((await refused(await tar(odd), "a@b"))[1]).toContain("invalid reference format");
    expect(await engine.mustDocker("plugin", "ls", "-q")).toBe("");
  });
});

function pluginPid(): number | undefined {
  const { stdout } = Bun.spawnSync(["pgrep", "-f", "^/usr/bin/perl /plugin.pl a$"]);
  const pids = stdout
    .toString()
    .trim()
    .split("\n")
    .filter((pid) => pid !== "")
    .map(Number);
  const isOurs = (pid: number): boolean => {
    try {
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
      return mounts.includes(engine.root.slice("/var/tmp/".length));
    } catch {
      return false; // it has ended meanwhile
    }
  };
  return pids.find(isOurs);
}
