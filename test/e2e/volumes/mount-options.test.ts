// What --mount and -v can be told: images, owners, what lies below, and how mounts pass on.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const RUNTIMES = ["crun", "runc"] as const;

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-mounts-");
  mkdirSync(join(folder, "tree/below"), { recursive: true });
  await mustRun(["mount", "-t", "tmpfs", "tmpfs", join(folder, "tree/below")]);
  mkdirSync(join(folder, "shared"));
  await mustRun(["mount", "--bind", join(folder, "shared"), join(folder, "shared")]);
  await mustRun(["mount", "--make-shared", join(folder, "shared")]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await mustRun(["umount", "-R", join(folder, "tree/below"), join(folder, "shared")]);
  rmSync(folder, { recursive: true });
});

describe.each(RUNTIMES)("with %s", (runtime) => {
  const run = (...args: string[]): Promise<string> =>
    engine.mustDocker("run", "--rm", "--runtime", runtime, ...args);
  const refusal = async (...args: string[]): Promise<string> => {
    const result = await engine.docker(["run", "--rm", "--runtime", runtime, ...args]);
    expect(result.exitCode).toBe(125);
    return result.stderr;
  };

  test("an image is mounted read-only, whole or a part, and stays while it is", async () => {
    const mount = "type=image,src=busybox,dst=/img";
    const script = "ls /img/bin/busybox; touch /img/x 2>&1; true";
    expect(await run("--mount", mount, "busybox", "sh", "-c", script)).toMatch(
      /busybox\n.*Read-only/,
    );
    const part = `${mount},image-subpath=etc`;
    expect(await run("--mount", part, "busybox", "ls", "/img/passwd")).toBe("/img/passwd");
    const none = ["run", "--rm", "--mount", `${mount},image-subpath=none`, "busybox", "true"];
    expect((await engine.docker(none)).stderr).toContain("cannot access path");
    expect(await refusal("--mount", "type=image,src=nosuch,dst=/i", "busybox", "true")).toContain(
      "No such image",
    );
    await engine.mustDocker("tag", "busybox", "tools:1");
    const id = await engine.mustDocker(
      "create",
      "--mount",
      "type=image,src=tools:1,dst=/img",
      "busybox",
      "ls",
      "/img",
    );
    await engine.crash();
    await engine.start();
    expect(await engine.mustDocker("start", "-a", id)).toContain("bin");
    const [shown] = JSON.parse(
      await engine.mustDocker("inspect", "-f", "{{json .Mounts}}", id),
    ) as unknown[];
    expect(shown).toMatchObject({ Type: "image", Name: "tools:1", Destination: "/img", RW: false });
    await engine.mustDocker("rm", id);
    await engine.mustDocker("rmi", "tools:1");
  });

  test("owners on disk are others in the container", async () => {
    const path = join(folder, `owned-${runtime}`);
    mkdirSync(path);
    writeFileSync(join(path, "file"), "");
    for (const each of [path, join(path, "file")]) chownSync(each, 1000, 1000);
    const mapped = `${path}:/m:idmap=uids=1000-0-1;gids=1000-0-1`;
    expect(
      await run("-v", mapped, "busybox", "sh", "-c", "stat -c %u:%g /m /m/file; touch /m/new"),
    ).toBe("0:0\n0:0");
    expect(statSync(join(path, "new")).uid).toBe(1000);
    const { stdout } = await engine.wharf([
      ...["run", "--rm", "--runtime", runtime, "--mount"],
      ...[`type=bind,src=${path},dst=/m,ro,idmap=uids=1000-33-1`, "busybox", "sh", "-c"],
      "stat -c %u:%g /m/file; touch /m/x 2>&1",
    ]);
    expect(stdout).toMatch(/^33:33\n.*Read-only/);
    expect(await refusal("-v", `${path}:/m:idmap`, "busybox", "true")).toContain("--userns-remap");
    expect(await refusal("-v", `${path}:/m:idmap=uids=x`, "busybox", "true")).toContain(
      "invalid idmap",
    );
    expect(await refusal("-v", "/proc/sys:/m:idmap=uids=0-1-1", "busybox", "true")).toContain(
      "no id-mapped mounts",
    );
  });

  test("read-only reaches what is mounted below, or not", async () => {
    const source = `type=bind,src=${join(folder, "tree")},dst=/m`;
    const write = [
      "busybox",
      "sh",
      "-c",
      "touch /m/below/x 2>&1 && echo written; touch /m/x 2>&1 || true",
    ];
    expect(await run("--mount", `${source},ro`, ...write)).not.toContain("written");
    expect(await run("--mount", `${source},ro,bind-recursive=writable`, ...write)).toMatch(
      /written\n.*Read-only/,
    );
    const forced = `${source},ro,bind-recursive=readonly,bind-propagation=rprivate`;
    expect(await run("--mount", forced, ...write)).not.toContain("written");
    const alone = `${source},bind-recursive=disabled`;
    expect(await run("--mount", alone, "busybox", "grep", "-c", " /m", "/proc/mounts")).toBe("1");
  });

  test("mounts pass on where the host's mount lets them, and are refused elsewhere", async () => {
    expect(await refusal("-v", `${folder}:/m:rshared`, "busybox", "true")).toContain(
      "but it is not a shared mount",
    );
    expect(await refusal("-v", `${folder}:/m:rslave`, "busybox", "true")).toContain(
      "it is not a shared or slave mount",
    );
    const shared = join(folder, "shared");
    const propagation = [
      "busybox",
      "sh",
      "-c",
      "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 7",
    ];
    expect(await run("-v", `${shared}:/m:rslave`, ...propagation)).toMatch(/^master:/);
    expect(await run("-v", `${shared}:/m:rshared`, ...propagation)).toMatch(/^shared:/);
    expect(await run("-v", `${shared}:/m`, ...propagation)).toBe("-");
  });

  test("a tmpfs has its size, mode, owner and flags", async () => {
    const shown = ["busybox", "sh", "-c", "grep ' /t ' /proc/mounts; stat -c '%a %u' /t"];
    const typed = await run("--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770", ...shown);
    expect(typed).toMatch(/noexec.*size=1024k[\s\S]*1770 0$/);
    expect(await run("--tmpfs", "/t:size=2m,exec,uid=33,mode=700", ...shown)).toMatch(
      /^(?!.*noexec).*size=2048k[\s\S]*700 33$/,
    );
    expect(await refusal("--tmpfs", "/t:nonsense", "busybox", "true")).toContain(
      'invalid tmpfs option "nonsense"',
    );
  });
});
