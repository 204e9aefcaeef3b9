// Images, containers and users of the host that mean harm: nothing outside is shown, written or stopped.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { loadLayeredImage } from "../../harness/images/layered-image.ts";

const SECRET = "correct-horse-battery";
const RUNTIMES = ["crun", "runc"] as const;

let engine: TestEngine;
/** Stands for the host's files. */
let outside: string;

beforeAll(async () => {
  engine = await startEngine();
  outside = mkdtempSync("/var/tmp/wharf-outside-");
  writeFileSync(join(outside, "passwd"), "outsider:x:4242:4242::/:");
});
afterAll(async () => {
  rmSync(outside, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const loadImage = (tag: string, python: string, config: object = {}): Promise<void> =>
  loadLayeredImage(engine, outside, tag, python, config);

function expectOutsideUntouched(): void {
  expect(readdirSync(outside)).toEqual(["passwd"]);
}

test("secrets of a container are in no file that others can read, no argument list and no log", async () => {
  const id = await engine.mustDocker(
    ...["run", "-d", "--name", "secretive", "-e", `PASSWORD=${SECRET}`, "-l", `key=${SECRET}`],
    ...["busybox", "sleep", "1000"],
  );
  await engine.mustDocker("exec", "-d", "-e", `TOKEN=${SECRET}`, id, "sleep", "1000");
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const roots = [join(engine.root, "data"), join(engine.root, "run")];
  await mustRun(["chmod", "o+x", engine.root]);
  const store = join(engine.root, "data", "wharf.db");
  for (const file of [store, `${store}-wal`, `${store}-shm`]) {
    expect((await runCommand([...nobody, "head", "-c1", file])).stderr).toContain("denied");
  }
  expect((await runCommand([...nobody, "grep", "-rls", SECRET, ...roots])).stdout).toBe("");
  const commandLines = await mustRun(["ps", "-eww", "-o", "args="]);
  const shown = commandLines.stdout.split("\n").filter((line) => line.includes(SECRET));
  expect(shown).toEqual([]);
  expect(engine.daemonLog()).not.toContain(SECRET);
  await engine.mustDocker("rm", "-f", "secretive");
});

describe("what an image puts in the engine's way", () => {
  test.each([
    ["fifos", 'add("etc/passwd", type=tarfile.FIFOTYPE); add("etc/group", type=tarfile.FIFOTYPE)'],
    ["folders", 'add("etc/passwd", type=tarfile.DIRTYPE); add("etc/group", type=tarfile.DIRTYPE)'],
    ["devices", 'add("etc/passwd", type=tarfile.CHRTYPE, devmajor=1, devminor=5)'],
    ["a loop", 'add("etc/passwd", type=tarfile.SYMTYPE, linkname="passwd")'],
    ["a file for /etc", 'add("etc")'],
    ["a link out", 'add("etc/passwd", type=tarfile.SYMTYPE, linkname="OUTSIDE/passwd")'],
  ])("%s for /etc/passwd: no user is found in it, nobody waits", async (_name, python) => {
    await loadImage("attack:1", python.replace("OUTSIDE", outside));
    const result = await engine.docker(["run", "--rm", "-u", "outsider", "attack:1", "true"], {
      timeoutMs: 20_000,
    });
    expect(result.exitCode).toBe(125);
    expect(result.stderr).toContain("unable to find user outsider");
    expectOutsideUntouched();
  });

  test.each(RUNTIMES)("volumes over /proc or the root are refused with %s", async (runtime) => {
    for (const path of ["/proc", "/proc/sys", "/proc/self/attr", "/"]) {
      await loadImage("attack:2", 'add("x")', { Volumes: { [path]: {} } });
      const run = ["run", "--rm", "--runtime", runtime, "attack:2", "true"];
      const result = await engine.docker(run);
      expect(`${path} ${result.exitCode}`).toBe(`${path} 125`);
      expect(result.stderr).toContain("error mounting");
    }
  });

  test.each(RUNTIMES)(
    "links in place of its own mount points lead nowhere with %s",
    async (runtime) => {
      await loadImage(
        "attack:3",
        `for name in ("etc/hosts", "etc/hostname", "dev", "sbin", "data"): add(name, type=tarfile.SYMTYPE, linkname=${JSON.stringify(outside)} + "/" + name.replace("/", "-"))`,
        { Volumes: { "/data": {} } },
      );
      const run = [
        "run",
        "--rm",
        "--init",
        "-w",
        "/data/w",
        "--runtime",
        runtime,
        "attack:3",
        "true",
      ];
      await engine.docker(run, { timeoutMs: 20_000 });
      expectOutsideUntouched();
    },
  );
});

test.each(RUNTIMES)(
  "a subpath that turns into a link shows nothing of the host with %s",
  async (runtime) => {
    const swap = `mkdir /v/part; touch /v/part/inside; while true; do
    mv /v/part /v/kept; ln -s ${outside} /v/part; rm /v/part; mv /v/kept /v/part; done`;
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "swapper",
      "-v",
      "swapped:/v",
      "busybox",
      "sh",
      "-c",
      swap,
    );
    const mount = "type=volume,src=swapped,dst=/m,volume-subpath=part";
    const seen = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const run = ["run", "--rm", "--runtime", runtime, "--mount", mount, "busybox", "ls", "/m"];
      const result = await engine.docker(run);
      seen.add(result.exitCode === 0 ? result.stdout.trim() : "refused");
    }
    expect([...seen].filter((listing) => !["inside", "refused"].includes(listing))).toEqual([]);
    await engine.mustDocker("rm", "-fv", "swapper");
    await engine.mustDocker("volume", "rm", "swapped");
    const mounts = await mustRun(["cat", "/proc/self/mountinfo"]);
    expect(mounts.stdout).not.toContain(`${engine.root}/data/containers`);
  },
);

test.each(RUNTIMES)("a container gets no descriptor of the engine's with %s", async (runtime) => {
  for (const flags of [[], ["-it"]]) {
    const name = `open${runtime}`;
    await engine.mustDocker(
      "run",
      "-d",
      ...flags,
      "--name",
      name,
      "--runtime",
      runtime,
      "busybox",
      "sleep",
      "1000",
    );
    const listed = await engine.mustDocker("exec", name, "ls", "/proc/1/fd");
    expect(listed.split(/\s+/)).toEqual(["0", "1", "2"]);
    for (let descriptor = 3; descriptor < 9; descriptor++) {
      const cwd = `/proc/self/fd/${descriptor}`;
      const result = await engine.docker([
        "exec",
        "-w",
        cwd,
        name,
        "ls",
        "../../../../../../var/tmp",
      ]);
      expect(result.exitCode).toBeGreaterThan(0);
    }
    await engine.mustDocker("rm", "-f", name);
  }
});

test("a name filter that would keep a backtracking matcher busy for years is answered at once", async () => {
  await engine.mustDocker("create", "--name", `${"a".repeat(60)}-`, "busybox");
  const filters = JSON.stringify({
    name: [`${"[a][a]?".repeat(40)}c`, ".*".repeat(100).concat("c")],
  });
  const startMs = performance.now();
  const response = await engine.api(
    "GET",
    `/containers/json?all=1&filters=${encodeURIComponent(filters)}`,
  );
  expect(await response.json()).toEqual([]);
  expect(performance.now() - startMs).toBeLessThan(5000);
  await engine.mustDocker("rm", `${"a".repeat(60)}-`);
});
