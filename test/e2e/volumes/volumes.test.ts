// A user keeps data in volumes and shows folders of the host to containers.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-binds-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const inside = (...args: string[]) => engine.mustDocker("run", "--rm", ...args);

describe("volumes", () => {
  test("data survives its container, the engine's crash and its restart", async () => {
    await inside("-v", "keep:/data", "busybox", "sh", "-c", "echo kept >/data/file");
    expect(await inside("-v", "keep:/data:ro", "busybox", "cat", "/data/file")).toBe("kept");
    await engine.crash();
    await engine.start();
    await engine.restart();
    expect(
      await inside("--mount", "type=volume,src=keep,dst=/data", "busybox", "cat", "/data/file"),
    ).toBe("kept");
    await engine.mustDocker("volume", "rm", "keep");
  });

  test("an empty volume is filled from the image with owners and modes, unless told not to", async () => {
    const run = (extra: string) =>
      inside(
        "--mount",
        `type=volume,src=filled,dst=/etc${extra}`,
        "busybox",
        "sh",
        "-c",
        "ls -ln /etc | wc -l",
      );
    expect(await run(",volume-nocopy")).toBe("4");
    await engine.mustDocker("volume", "rm", "filled");
    expect(Number(await run(""))).toBeGreaterThan(3);
    expect(await inside("-v", "filled:/x", "busybox", "grep", "-c", "nobody", "/x/passwd")).toBe(
      "1",
    );
    await engine.mustDocker("volume", "rm", "filled");
  });

  test("VOLUME of an image makes an anonymous volume that --rm takes along", async () => {
    await engine.mustDocker(
      "import",
      "-c",
      "VOLUME /var",
      join(CACHE, "busybox.tar"),
      "with-volume:1",
    );
    await inside("with-volume:1", "touch", "/var/x");
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
    await engine.mustDocker("run", "--name", "kept", "with-volume:1", "touch", "/var/x");
    expect(await engine.mustDocker("volume", "ls", "-q")).toMatch(/^[0-9a-f]{64}$/);
    expect(await inside("--volumes-from", "kept", "busybox", "ls", "/var")).toBe("x");
    await engine.mustDocker("rm", "-v", "kept");
    await engine.mustDocker("rmi", "with-volume:1");
  });

  test("one in use is refused by name and freed with its container", async () => {
    const id = await engine.mustDocker("create", "-v", "held:/d", "busybox");
    const refused = await engine.docker(["volume", "rm", "held"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`volume is in use - [${id}]`);
    await engine.mustDocker("rm", id);
    await engine.mustDocker("volume", "rm", "held");
  });

  test("create, ls, inspect and prune", async () => {
    await engine.mustDocker("volume", "create", "--label", "a=b", "named");
    expect(await engine.mustDocker("volume", "ls", "-q", "-f", "label=a=b")).toBe("named");
    expect(
      await engine.mustDocker("volume", "inspect", "-f", "{{.Driver}} {{.Scope}}", "named"),
    ).toBe("local local");
    expect(await engine.mustDocker("volume", "prune", "-af")).toContain("named");
    expect((await engine.docker(["volume", "create", "../x"])).exitCode).toBe(1);
  });
});

describe("bind mounts and tmpfs", () => {
  test("a folder is shared both ways, read-only when asked", async () => {
    writeFileSync(join(folder, "in"), "from the host");
    expect(
      await inside("-v", `${folder}:/b`, "busybox", "sh", "-c", "cat /b/in; echo out >/b/out"),
    ).toBe("from the host");
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("out\n");
    const refused = await engine.docker([
      "run",
      "--rm",
      "-v",
      `${folder}:/b:ro`,
      "busybox",
      "touch",
      "/b/no",
    ]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Read-only file system");
  });

  test("a missing source is made under -v and an error under --mount", async () => {
    await inside("-v", `${folder}/made:/b`, "busybox", "touch", "/b/x");
    const refused = await engine.docker([
      "run",
      "--rm",
      "--mount",
      `type=bind,src=${folder}/none,dst=/b`,
      "busybox",
      "true",
    ]);
    expect(refused.exitCode).toBe(125);
    expect(refused.stderr).toContain("bind source path does not exist");
  });

  test("tmpfs and a read-only root", async () => {
    const out = await inside(
      ...["--read-only", "--tmpfs", "/scratch:size=1m,mode=700", "busybox"],
      ...["sh", "-c", "grep ' /scratch ' /proc/mounts; touch /scratch/ok && touch /no 2>&1; true"],
    );
    expect(out).toMatch(/tmpfs \/scratch tmpfs .*size=1024k/);
    expect(out).toContain("Read-only file system");
  });

  test("a mount on a symlink of the image lands inside the container's root, not on the host", async () => {
    const tar = join(folder, "link.tar");
    copyFileSync(join(CACHE, "busybox.tar"), tar);
    symlinkSync("../../../../var", join(folder, "link"));
    await mustRun(["tar", "-rf", tar, "-C", folder, "link"]);
    await engine.mustDocker("import", tar, "linked:1");
    writeFileSync(join(folder, "in"), "inside");
    expect(await inside("-v", `${folder}:/link/lib`, "linked:1", "cat", "/var/lib/in")).toBe(
      "inside",
    );
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(" /var/lib ");
    await engine.mustDocker("rmi", "linked:1");
  });
});
