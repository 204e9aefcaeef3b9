import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, TestEngine, WHARF } from "../../harness/engine.ts";

const hasFuse = Bun.which("fuse-overlayfs") !== null && existsSync("/dev/fuse");
const hasBtrfs =
  Bun.which("mkfs.btrfs") !== null && readFileSync("/proc/filesystems", "utf8").includes("btrfs");

/** What a user does with a container's files, whatever keeps them. */
async function useFiles(engine: TestEngine): Promise<void> {
  const docker = engine.mustDocker.bind(engine);
  const id = await docker("run", "-d", "--name", "box", "busybox", "sleep", "600");
  await docker("exec", "box", "sh", "-c", "echo kept >/etc/own; rm /bin/vi; chown 7:8 /etc/own");
  expect(await docker("exec", "box", "stat", "-c", "%u:%g", "/etc/own")).toBe("7:8");
  // set-user-ID programs and devices work
  const rootMount = await docker("exec", "box", "grep", " / ", "/proc/mounts");
  expect(rootMount).not.toMatch(/nosuid|nodev/);
  expect(await docker("run", "--rm", "busybox", "ls", "/bin/vi")).toBe("/bin/vi");

  await engine.crash();
  await engine.start();
  expect(await docker("exec", "box", "cat", "/etc/own")).toBe("kept");
  await docker("restart", "-t", "0", "box");
  expect(await docker("exec", "box", "cat", "/etc/own")).toBe("kept");
  expect(await docker("ps", "-q", "--no-trunc")).toBe(id);

  await docker("exec", "box", "sh", "-c", "rm -r /home && mkdir -p /home/new");
  const changes = (await docker("diff", "box")).split("\n");
  expect(changes).toEqual(expect.arrayContaining(["A /etc/own", "D /bin/vi", "A /home/new"]));
  expect(changes.join()).not.toContain(".wh.");
  await docker("commit", "box", "changed");
  const look = "cat /etc/own; ls /home; test -e /bin/vi || echo gone";
  expect(await docker("run", "--rm", "changed", "sh", "-c", look)).toBe("kept\nnew\ngone");
  await docker("rm", "-f", "box");
}

describe("storage driver", () => {
  test("vfs runs containers, and goes on where it was without being named", async () => {
    await using engine = new TestEngine({ flags: ["--storage-driver", "vfs"] });
    await engine.start();
    await engine.importImage("busybox");
    expect(await engine.mustDocker("info", "-f", "{{.Driver}}")).toBe("vfs");
    await useFiles(engine);
    await engine.stop();
    const daemon = (...flags: readonly string[]): ReturnType<typeof runCommand> =>
      runCommand([
        WHARF,
        "daemon",
        ...["-H", engine.host, "--data-root", join(engine.root, "data")],
        ...["--exec-root", join(engine.root, "run"), "--pidfile", join(engine.root, "other.pid")],
        ...["--bridge", engine.bridge, ...flags],
      ]);
    const refused = await daemon("--storage-driver", "overlay2");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("holds the layers of storage driver vfs");
    expect((await daemon("-s", "zfs")).stderr).toContain("driver not supported: zfs");
    expect((await daemon("-s", "btrfs")).exitCode).toBe(1);
    expect((await daemon("--storage-opt", "overlay2.size=1g")).stderr).toContain(
      "vfs: unknown option overlay2.size",
    );
  }, 60_000);

  test("overlay2 tells about itself as docker does, and refuses sizes in its words", async () => {
    await using engine = await startEngine();
    const info = JSON.parse(await engine.mustDocker("info", "-f", "{{json .DriverStatus}}"));
    expect(Object.fromEntries(info)).toMatchObject({
      "Supports d_type": "true",
      "Using metacopy": "false",
      "Native Overlay Diff": "true",
      userxattr: "false",
    });
    const sized = await engine.docker(["create", "--storage-opt", "size=1g", "busybox"]);
    expect(sized.stderr).toContain(
      "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    );
  });

  test.skipIf(!hasFuse)(
    "fuse-overlayfs runs containers, and a killed engine's successor finds its mounts",
    async () => {
      await using engine = await startEngine({ flags: ["--storage-driver", "fuse-overlayfs"] });
      expect(await engine.mustDocker("info", "-f", "{{.Driver}}")).toBe("fuse-overlayfs");
      await useFiles(engine);
    },
    60_000,
  );

  describe.skipIf(!hasBtrfs)("btrfs", () => {
    let folder = "";
    const place = (): string => join(folder, "mounted");

    beforeAll(async () => {
      folder = mkdtempSync("/var/tmp/wharf-e2e-btrfs-");
      const image = join(folder, "image");
      writeFileSync(image, "");
      truncateSync(image, 512 * 1024 * 1024);
      mkdirSync(place());
      await mustRun(["mkfs.btrfs", "-q", image]);
      await mustRun(["mount", "-o", "loop", image, place()]);
    });
    afterAll(async () => {
      await mustRun(["umount", place()]);
      rmSync(folder, { recursive: true });
    });

    test("runs containers, and keeps the size that one is given", async () => {
      await using engine = new TestEngine({
        flags: ["--storage-driver", "btrfs", "--data-root", join(place(), "data")],
      });
      await engine.start();
      await engine.importImage("busybox");
      expect(await engine.mustDocker("info", "-f", "{{.Driver}}")).toBe("btrfs");
      await useFiles(engine);
      const write = ["dd", "if=/dev/zero", "of=/big", "bs=1M", "count=24", "conv=fsync"];
      const limited = await engine.docker([
        "run",
        "--rm",
        "--storage-opt",
        "size=16m",
        "busybox",
        ...write,
      ]);
      expect(limited.exitCode).toBe(1);
      expect(limited.stderr).toContain("Disk quota exceeded");
      await engine.mustDocker("run", "--rm", "busybox", ...write);
    }, 60_000);
  });
});
