import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, TestEngine } from "../../harness/engine.ts";
import { SmallDisk } from "../../harness/small-disk.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const MIB = 1024 * 1024;
const EXT4 = ["mkfs.ext4", "-q", "-m", "0"];

async function engineOn(disk: SmallDisk): Promise<TestEngine> {
  const engine = new TestEngine({ flags: ["--data-root", join(disk.place, "data")] });
  await engine.start();
  await engine.importImage("busybox");
  return engine;
}

/** What the client is told of a command that must fail. */
async function refusal(engine: TestEngine, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await engine.docker(args, { timeoutMs: 20_000 });
  expect(`${args.join(" ")}: ${exitCode} ${stdout}`).not.toMatch(/: 0 /);
  return stderr;
}

/** Names of what is below the data root beside records, so that anything half-made shows. */
function leftovers(disk: SmallDisk): readonly string[] {
  return ["containers", "volumes", "overlay2", "content/ingest", "content/blobs/sha256"].flatMap(
    (folder) =>
      readdirSync(join(disk.place, "data", folder))
        .filter((name) => !name.startsWith("."))
        .map((name) => `${folder}/${name}`),
  );
}

describe("on a full disk", () => {
  test("what needs space says which disk and what to do; stop, rm and prune work; then all goes on", async () => {
    await using disk = await SmallDisk.open(224 * MIB, EXT4);
    await using engine = await engineOn(disk);
    const docker = engine.mustDocker.bind(engine);
    const chatter = "trap 'exit 3' TERM; while :; do echo $((i=i+1)); sleep 0.02; done";
    await docker("run", "-d", "--name", "talks", "busybox", "sh", "-c", chatter);
    await docker("run", "-d", "--name", "sleeps", "busybox", "sleep", "600");
    await docker("create", "--name", "waits", "busybox", "true");
    await docker("create", "--name", "copies", "-v", "empty:/bin", "busybox", "true");
    await docker("run", "--name", "ended", "busybox", "true");
    await docker("volume", "create", "unused");
    const before = leftovers(disk);
    disk.fill();

    const named = `${disk.place} (ext4 on /dev/loop`;
    const archive = join(CACHE, "busybox.tar");
    for (const args of [
      ["create", "busybox", "true"],
      ["create", "-v", "/data", "busybox", "true"],
      ["volume", "create", "late"],
      ["start", "waits"],
      ["start", "copies"],
      ["import", archive, "other:1"],
    ]) {
      const told = await refusal(engine, ...args);
      expect(told).toContain("no space left on device");
      expect(told).toContain(named);
      expect(told).toContain('"wharf system prune"');
      expect(told.match(/no space left/g)?.length).toBe(1);
    }
    // the log is full, the container is not held up by it
    expect(await docker("exec", "talks", "echo", "in")).toBe("in");
    expect(await refusal(engine, "exec", "sleeps", "sh", "-c", "echo x >/file")).toContain(
      "No space left",
    );
    expect(await docker("inspect", "-f", "{{.State.Status}}", "waits")).toBe("created");
    expect(leftovers(disk)).toEqual(before);

    await docker("stop", "-t", "5", "talks");
    expect(await docker("inspect", "-f", "{{.State.ExitCode}}", "talks")).toBe("3");
    await docker("tag", "busybox", "kept:1");
    await docker("rm", "-f", "sleeps");
    await docker("container", "prune", "-f");
    await docker("volume", "prune", "-af");
    await docker("image", "prune", "-af");
    expect(await docker("ps", "-aq")).toBe("");
    expect(await docker("images", "-q")).toBe("");
    await waitUntil("all is freed", () => leftovers(disk).length === 0);

    disk.free();
    await engine.importImage("busybox");
    expect(await docker("run", "--rm", "busybox", "echo", "fine")).toBe("fine");
  }, 60_000);

  test("an engine starts, and is tidied, when not one byte is left", async () => {
    await using disk = await SmallDisk.open(128 * MIB, EXT4);
    await using engine = await engineOn(disk);
    await engine.mustDocker(
      "run",
      "-d",
      "--stop-timeout",
      "0",
      "--name",
      "box",
      "busybox",
      "sleep",
      "600",
    );
    disk.fill();
    await engine.crash();
    await engine.start();
    expect(await engine.mustDocker("exec", "box", "echo", "in")).toBe("in");
    await engine.restart();
    expect(await engine.mustDocker("ps", "-a", "--format", "{{.Names}}")).toBe("box");
    await engine.mustDocker("rm", "-f", "box");
    disk.free();
  }, 60_000);

  test("a disk without inodes is told from one without space", async () => {
    await using disk = await SmallDisk.open(96 * MIB, [...EXT4, "-N", "900"]);
    await using engine = await engineOn(disk);
    await engine.mustDocker("create", "--name", "box", "busybox", "true");
    let count = 0;
    expect(() => {
      for (;;) writeFileSync(join(disk.place, `file${count++}`), "");
    }).toThrow("ENOSPC");
    expect(await refusal(engine, "create", "busybox", "true")).toMatch(
      /none of its [0-9]+ inodes free/,
    );
    await engine.mustDocker("rm", "box");
    expect(await engine.mustDocker("create", "--name", "box", "busybox", "true")).toMatch(
      /^[0-9a-f]{64}$/,
    );
  }, 60_000);
});

describe("on a failing disk", () => {
  test("a read-only data root is named; what runs goes on, and all is there when it is writable", async () => {
    await using disk = await SmallDisk.open(128 * MIB, EXT4);
    await using engine = await engineOn(disk);
    const docker = engine.mustDocker.bind(engine);
    await docker("run", "-d", "--stop-timeout", "0", "--name", "box", "busybox", "sleep", "600");
    await docker("create", "--name", "waits", "busybox", "true");
    await disk.makeReadOnly();
    for (const args of [
      ["create", "busybox", "true"],
      ["volume", "create", "late"],
      ["tag", "busybox", "other:1"],
      ["start", "waits"],
      ["rm", "waits"],
      ["import", join(CACHE, "busybox.tar"), "other:2"],
    ]) {
      const told = await refusal(engine, ...args);
      expect(told).toMatch(/[Rr]ead-only|input\/output error/);
      expect(told).toContain(`${disk.place} (ext4 on /dev/loop`);
    }
    const exec = await engine.docker(["exec", "box", "echo", "in"]);
    expect([exec.exitCode, exec.stdout]).toEqual([126, expect.stringContaining(disk.place)]);
    expect(await docker("ps", "-q")).not.toBe("");
    expect(await refusal(engine, "kill", "box")).toMatch(
      /Cannot record that process \d+ has ended/,
    );
    await engine.crash();
    await disk.mountAnew();
    await engine.start();
    expect(await docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box")).toBe(
      "exited 137",
    );
    await docker("rm", "box", "waits");
    expect(await docker("run", "--rm", "busybox", "echo", "fine")).toBe("fine");
  }, 60_000);

  test("a disk that fails altogether is named, and loses nothing that was acknowledged", async () => {
    await using disk = await SmallDisk.open(224 * MIB, EXT4);
    await using engine = await engineOn(disk);
    const docker = engine.mustDocker.bind(engine);
    await docker("create", "--name", "made", "busybox", "echo", "still here");
    await docker("volume", "create", "kept");
    await docker("import", join(CACHE, "busybox.tar"), "last:1");
    disk.cutOff();
    const told = await refusal(engine, "create", "busybox", "true");
    expect(told).toContain("input/output error");
    expect(told).toContain(`${disk.place} (ext4 on /dev/loop`);
    expect((await engine.api("GET", "/_ping")).status).toBe(200);
    await engine.stop();
    await disk.mountAnew();
    await engine.start();
    expect(await docker("start", "-a", "made")).toBe("still here");
    expect(await docker("volume", "ls", "-q")).toBe("kept");
    // all files of the image came to the disk before it was acknowledged
    const digest = "find /bin /sbin /usr -type f | sort | xargs md5sum | md5sum";
    const sums = await Promise.all(
      ["busybox", "last:1"].map((image) => docker("run", "--rm", image, "sh", "-c", digest)),
    );
    expect(sums[0]).toMatch(/^[0-9a-f]{32}/);
    expect(sums[1]).toBe(sums[0] ?? "");
    await docker("rm", "made");
  }, 60_000);

  test("a thin disk that is full below is told from one that is full", async () => {
    await using disk = await SmallDisk.open(600 * MIB, EXT4, { thinBytes: 160 * MIB });
    await using engine = await engineOn(disk);
    await engine.mustDocker(
      "run",
      "-d",
      "--stop-timeout",
      "0",
      "--name",
      "box",
      "busybox",
      "sleep",
      "600",
    );
    disk.fillBelow();
    const told = await refusal(engine, "import", join(CACHE, "debian.tar"), "other:1");
    expect(told).toMatch(/no space left on device|input\/output error/);
    expect(told).toContain("the device below it may be full");
    expect(await engine.mustDocker("exec", "box", "echo", "in")).toBe("in");
    disk.freeBelow();
    expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "fine")).toBe("fine");
    await engine.mustDocker("rm", "-f", "box");
    expect(leftovers(disk).filter((name) => name.startsWith("content/ingest"))).toEqual([]);
  }, 60_000);

  const hasBtrfs =
    Bun.which("mkfs.btrfs") !== null && readFileSync("/proc/filesystems", "utf8").includes("btrfs");
  test.skipIf(!hasBtrfs)(
    "a quota on the data root is told as such",
    async () => {
      await using disk = await SmallDisk.open(512 * MIB, ["mkfs.btrfs", "-q"]);
      const run = async (...argv: readonly string[]): Promise<void> => {
        expect(await Bun.spawn([...argv], { stdout: "ignore" }).exited).toBe(0);
      };
      await run("btrfs", "quota", "enable", disk.place);
      await run("btrfs", "subvolume", "create", join(disk.place, "data"));
      await using engine = await engineOn(disk);
      expect(await engine.mustDocker("info", "-f", "{{.Driver}}")).toBe("overlay2");
      await run("btrfs", "qgroup", "limit", "40M", join(disk.place, "data"));
      const told = await refusal(engine, "import", join(CACHE, "debian.tar"), "other:1");
      expect(told).toContain("disk quota exceeded");
      expect(told).toContain(`${disk.place} (btrfs on /dev/loop`);
      expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "fine")).toBe("fine");
    },
    60_000,
  );
});
