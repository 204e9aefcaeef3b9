// A newcomer types `npm run quickstart`, twice, and takes it down again.
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../harness/command.ts";
import { CACHE, DOCKER } from "../harness/engine.ts";
import { processesNaming } from "../harness/leaks.ts";

test("quickstart serves a page, changes nothing the second time, stops and purges", async () => {
  const folder = join("/var/tmp", `wharf-quickstart-test-${process.pid}`);
  const context = `quickstart-test-${process.pid}`;
  const port = 20_000 + (process.pid % 20_000);
  const env = {
    WHARF_QUICKSTART_DIR: folder,
    WHARF_QUICKSTART_BRIDGE: `wq${process.pid}`,
    WHARF_QUICKSTART_PORT: String(port),
    WHARF_QUICKSTART_CONTEXT: context,
  };
  const quickstart = (...args: string[]) =>
    runCommand(["npm", "run", "--silent", "quickstart", "--", ...args], {
      env,
      timeoutMs: 600_000,
    });
  // The roots that `npm test` has made in its set-up by the same function; they take minutes.
  mkdirSync(join(folder, "roots"), { recursive: true });
  for (const root of ["debian.tar", "nginx.tar"]) {
    copyFileSync(join(CACHE, root), join(folder, "roots", root));
  }
  try {
    const first = await quickstart();
    expect(first.stderr).not.toContain("Error");
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toContain("\nhello\n");
    expect(first.stdout).toContain("Welcome to nginx!");
    expect(first.stdout).toContain(`export DOCKER_CONTEXT=${context}`);
    const running = [
      DOCKER,
      "--context",
      context,
      "ps",
      "-a",
      "--no-trunc",
      "--format",
      "{{.ID}} {{.Names}}",
    ];
    const before = await runCommand(running);
    expect(before.stdout).toMatch(/^[0-9a-f]{64} quickstart-web\n$/);

    const second = await quickstart();
    expect(second).toMatchObject({ exitCode: 0 });
    expect((await runCommand(running)).stdout).toBe(before.stdout);

    expect(await quickstart("--stop")).toMatchObject({ exitCode: 0 });
    expect(processesNaming(folder)).toEqual([]);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(`${folder}/`);
    expect(
      (await runCommand(["ip", "link", "show", env.WHARF_QUICKSTART_BRIDGE])).exitCode,
    ).not.toBe(0);
    expect(existsSync(join(folder, "data"))).toBe(true);

    const third = await quickstart();
    expect(third).toMatchObject({ exitCode: 0 });
    expect((await runCommand(running)).stdout).toBe(before.stdout);
  } finally {
    expect(await quickstart("--purge")).toMatchObject({ exitCode: 0 });
    expect(existsSync(folder)).toBe(false);
    expect((await runCommand([DOCKER, "context", "inspect", context])).exitCode).toBe(1);
  }
}, 600_000);

test("without root it says so in one sentence and does nothing", async () => {
  const result = await runCommand([
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    "bash",
    "scripts/quickstart.sh",
  ]);
  expect(result.exitCode).toBe(1);
  expect(result.stdout).toBe("");
  expect(result.stderr.trim().split("\n")).toEqual([expect.stringContaining("needs root")]);
});
