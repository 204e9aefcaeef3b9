import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

/** An operator finds leaks on the host, sees which are this engine's, and has them mended. */

let engine: TestEngine;
let neighbour: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
  neighbour = await startEngine();
  for (const one of [engine, neighbour]) {
    await one.mustDocker(
      "run",
      "-d",
      "--name",
      "up",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sleep",
      "1000",
    );
    await one.mustDocker("create", "--name", "idle", "-v", "data:/data", "busybox");
  }
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await neighbour[Symbol.asyncDispose]();
}, 60_000);

interface Finding {
  readonly Kind: string;
  readonly Subject: string;
  readonly Outcome: string;
  readonly Mended: boolean;
}

async function check(
  one: TestEngine,
  ...flags: string[]
): Promise<{ exitCode: number; findings: readonly Finding[] }> {
  const { exitCode, stdout, stderr } = await one.wharf([
    "system",
    "check",
    "--format",
    "json",
    ...flags,
  ]);
  expect(stderr).toBe("");
  const lines = stdout.split("\n").filter((line) => line !== "");
  const findings = lines.map((line) => JSON.parse(line) as Finding);
  const table = `wharf_${one.engineId.slice(0, 8)}`;
  // of what other engines left on this host --deep tells as well
  const own = findings.filter(({ Kind, Subject }) => Kind !== "rules" || Subject === table);
  return { exitCode, findings: own };
}

async function idOf(one: TestEngine, name: string): Promise<string> {
  return await one.mustDocker("inspect", "--format", "{{.Id}}", name);
}

/** A way to plant one leak; returns what the check is to name. */
type Plant = () => Promise<readonly [kind: string, subject: string]>;

const memoryCgroup = (id: string): string =>
  existsSync("/sys/fs/cgroup/memory")
    ? `/sys/fs/cgroup/memory/wharf/${id}`
    : `/sys/fs/cgroup/wharf/${id}`;

function plants(): Readonly<Record<string, Plant>> {
  const data = (...parts: string[]): string => join(engine.root, "data", ...parts);
  const driver =
    readdirSync(data()).find((name) => ["overlay2", "vfs", "btrfs"].includes(name)) ?? "overlay2";
  return {
    "a layer's folder": async () => {
      mkdirSync(data(driver, "feedfacecafebeef", "diff"), { recursive: true });
      return ["layer", data(driver, "feedfacecafebeef")];
    },
    "a mount in a layer's folder": async () => {
      const target = data(driver, "0123456789abcdef", "merged");
      mkdirSync(target, { recursive: true });
      await mustRun(["mount", "-t", "tmpfs", "none", target]);
      return ["mount", target];
    },
    "files of a container": async () => {
      const path = data("containers", "f".repeat(64));
      mkdirSync(path);
      writeFileSync(join(path, "hosts"), "x");
      return ["folder", path];
    },
    "a folder of volumes, with data": async () => {
      mkdirSync(data("volumes", "found", "_data"), { recursive: true });
      writeFileSync(data("volumes", "found", "_data", "precious"), "x");
      return ["folder", data("volumes", "found")];
    },
    "a mount on an idle volume": async () => {
      await engine.mustDocker("volume", "create", "unused");
      await mustRun(["mount", "-t", "tmpfs", "none", data("volumes", "unused", "_data")]);
      return ["mount", data("volumes", "unused", "_data")];
    },
    "a blob": async () => {
      const hex = "a".repeat(64);
      writeFileSync(data("content", "blobs", "sha256", hex), "stray");
      return ["blob", `sha256:${hex}`];
    },
    "a device": async () => {
      await mustRun(["ip", "link", "add", "wtleak0", "type", "veth", "peer", "name", "wtleakp"]);
      await mustRun(["ip", "link", "set", "wtleak0", "alias", `wharf:${engine.engineId}`]);
      return ["link", "wtleak0"];
    },
    "a network namespace": async () => {
      const path = join(engine.root, "run", "netns", "leaked");
      writeFileSync(path, "");
      await mustRun(["unshare", `--net=${path}`, "true"]);
      return ["namespace", path];
    },
    "a cgroup of a container that does not run": async () => {
      const id = await idOf(engine, "idle");
      mkdirSync(memoryCgroup(id));
      return ["cgroup", `/wharf/${id}`];
    },
    "a process's state folder": async () => {
      mkdirSync(join(engine.root, "run", "runtime", "processes", "e".repeat(64)));
      return ["process", "e".repeat(64)];
    },
    "a supervisor without a folder": async () => {
      const folder = join(engine.root, "run", "runtime", "processes", "d".repeat(64));
      const child = Bun.spawn(["bash", "-c", `exec -a conmon sleep 1000 ${folder}/pid || true`], {
        stderr: "ignore",
      });
      await child.exited;
      const orphan = Bun.spawn(
        ["bash", "-c", `exec -a conmon bash -c 'sleep 1000; true' ${folder}/pid`],
        { stderr: "ignore" },
      );
      orphan.unref();
      return ["process", String(orphan.pid)];
    },
  };
}

describe("system check", () => {
  test("finds nothing on an engine that is well, running or idle", async () => {
    expect(await check(engine)).toEqual({ exitCode: 0, findings: [] });
    expect((await check(engine, "--deep")).findings).toEqual([]);
    expect(await engine.mustWharf("system", "check")).toBe("Nothing is wrong");
  });

  test("finds each kind of leak, changes nothing, mends all, and leaves another engine's alone", async () => {
    const before = await check(neighbour);
    const planted: (readonly [string, string])[] = [];
    for (const plant of Object.values(plants())) planted.push(await plant());
    const found = await check(engine);
    expect(found.exitCode).toBe(1);
    const named = found.findings.map(({ Kind, Subject }) => [Kind, Subject]);
    for (const one of planted) expect(named).toContainEqual([...one]);
    expect(found.findings.every(({ Mended }) => !Mended)).toBe(true);
    // a layer's folder with a mount in it is found as both
    expect(named).toHaveLength(planted.length + 1);
    expect((await check(engine)).findings.map(({ Subject }) => Subject).sort()).toEqual(
      found.findings.map(({ Subject }) => Subject).sort(),
    );

    const mended = await check(engine, "--repair");
    expect(mended.findings.filter(({ Mended }) => !Mended)).toEqual([]);
    expect(mended.exitCode).toBe(0);
    expect(await check(engine)).toEqual({ exitCode: 0, findings: [] });
    expect((await runCommand(["ip", "link", "show", "wtleak0"])).exitCode).not.toBe(0);
    // data is never removed: it is a volume again
    expect(
      await engine.mustDocker("run", "--rm", "-v", "found:/v", "busybox", "cat", "/v/precious"),
    ).toBe("x");
    expect(await engine.mustDocker("inspect", "--format", "{{.State.Running}}", "up")).toBe("true");

    expect(await check(neighbour)).toEqual(before);
    expect(before.findings).toEqual([]);
    expect(await neighbour.mustDocker("inspect", "--format", "{{.State.Running}}", "up")).toBe(
      "true",
    );
  }, 60_000);

  test("leaves the neighbour's leak where it is", async () => {
    await mustRun(["ip", "link", "add", "wtleak1", "type", "veth", "peer", "name", "wtleakp"]);
    await mustRun(["ip", "link", "set", "wtleak1", "alias", `wharf:${neighbour.engineId}`]);
    const id = await idOf(neighbour, "idle");
    mkdirSync(memoryCgroup(id));
    expect(await check(engine, "--repair")).toEqual({ exitCode: 0, findings: [] });
    expect((await check(neighbour)).findings).toHaveLength(2);
    expect((await check(neighbour, "--repair")).exitCode).toBe(0);
  });

  test("--deep finds a damaged blob, and takes it out of the way of the next load", async () => {
    const blobs = join(engine.root, "data/content/blobs/sha256");
    const [first = ""] = readdirSync(blobs);
    appendFileSync(join(blobs, first), "rot");
    expect((await check(engine)).findings).toEqual([]);
    expect((await check(engine, "--deep")).findings).toMatchObject([
      { Kind: "blob", Subject: `sha256:${first}` },
    ]);
    const mended = await check(engine, "--deep", "--repair");
    expect(mended.findings).toMatchObject([{ Mended: true }]);
    const missing = await check(engine);
    expect(missing).toMatchObject({
      exitCode: 1,
      findings: [{ Kind: "blob", Subject: `sha256:${first}`, Outcome: "by hand" }],
    });
  });

  test("names what it does not know, and leaves it to its owner", async () => {
    const path = join(engine.root, "data/holiday-photos");
    mkdirSync(path);
    const { findings } = await check(engine, "--repair");
    expect(findings.find(({ Subject }) => Subject === path)).toMatchObject({
      Kind: "folder",
      Mended: false,
    });
    expect(existsSync(path)).toBe(true);
  });

  test("of a docker says that only Wharf's engine can", async () => {
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => Response.json({ message: "page not found" }, { status: 404 }),
    });
    const refused = await engine.wharf(
      ["-H", `tcp://127.0.0.1:${server.port}`, "system", "check"],
      { env: { DOCKER_API_VERSION: "1.51" } },
    );
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("only Wharf's own"),
    ]);
  });
});
