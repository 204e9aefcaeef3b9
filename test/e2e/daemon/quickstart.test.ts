// A newcomer types `npm run quickstart`, twice, and takes it down again.
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { CACHE, DOCKER } from "../../harness/engine.ts";
import { findLeaks, processesNaming } from "../../harness/leaks.ts";

function killDaemon(folder: string): void {
  process.kill(Number(readFileSync(join(folder, "wharf.pid"), "utf8")), "SIGKILL");
}

test("quickstart serves a page, changes nothing the second time, stops and purges, also when its daemon was killed", async () => {
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
  let container = "none";
  let engine = "none";
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

    killDaemon(folder); // conmon and nginx go on
    expect(processesNaming(folder)).not.toEqual([]);
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
    container = before.stdout.slice(0, 64);
    engine = readFileSync(join(folder, "data", "engine-id"), "utf8").trim();
    await mustRun([DOCKER, "--context", context, "pause", "quickstart-web"]);
    killDaemon(folder);
  } finally {
    expect(await quickstart("--purge")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(existsSync(folder)).toBe(false);
    const bridge = env.WHARF_QUICKSTART_BRIDGE;
    const traces = { root: folder, bridge, engineId: engine, containerIds: [container] };
    expect(await findLeaks(traces)).toEqual([]);
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
