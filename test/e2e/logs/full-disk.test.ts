// The disk that logs are on is full for a while.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const MEBIBYTE = 1024 * 1024;

const count = (lines: number, pause = ":"): string =>
  `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); ${pause}; done`;

test("a full disk stops neither container nor engine, and the log goes on when there is room", async () => {
  const small = new TestEngine({});
  const folder = join(small.root, "data/containers");
  mkdirSync(folder, { recursive: true });
  await mustRun(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder]);
  try {
    await small.start();
    await small.importImage("busybox");
    writeFileSync(join(folder, "filler"), Buffer.alloc(3 * MEBIBYTE));
    await small.mustDocker(
      "run",
      "-d",
      "--name",
      "flood",
      "busybox",
      "sh",
      "-c",
      `${count(200_000)}; exec sleep 1000`,
    );
    const id = await small.mustDocker("inspect", "-f", "{{.Id}}", "flood");
    // It gets through all its lines, though the disk has no room for them.
    await waitUntil(
      "the container is through",
      async () => !(await small.mustDocker("top", "flood")).includes("while"),
      30_000,
    );
    expect(await small.mustDocker("ps", "-q", "--no-trunc")).toBe(id);
    rmSync(join(folder, "filler"));
    await small.mustDocker("exec", "flood", "sh", "-c", "echo there is room again >/proc/1/fd/1");
    const last = await waitUntil("the log goes on", async () => {
      const text = (await small.docker(["logs", "--tail", "1", "flood"])).stdout;
      return text.includes("there is room again") && text;
    });
    expect(last).toContain("there is room again");
    await small.mustDocker("rm", "-f", "flood");
    expect(existsSync(join(folder, id))).toBe(false);
  } finally {
    await small.stop();
    await mustRun(["umount", folder]);
  }
  await small[Symbol.asyncDispose]();
}, 60_000);
