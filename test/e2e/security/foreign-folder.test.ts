import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../harness/command.ts";
import { WHARF } from "../../harness/engine.ts";

test("neither code nor settings of the folder that a command is typed in are the client's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wharf-foreign-"));
  try {
    // what a Bun program takes from there by default
    writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preloaded.ts"]\n');
    writeFileSync(join(folder, "preloaded.ts"), 'console.log("code of the folder ran");\n');
    writeFileSync(join(folder, ".env"), `DOCKER_HOST=unix://${folder}/from-dot-env\n`);
    const env = {
      DOCKER_HOST: "",
      DOCKER_CONTEXT: "",
      DOCKER_CONFIG: folder,
      WHARF_AUTOSTART: "0",
    };
    const version = await runCommand([WHARF, "--version"], { cwd: folder, env });
    expect(version.stdout).toMatch(/^Wharf version \S+, build \S+\n$/);
    const { DOCKER_HOST: _, ...own } = process.env;
    const asked = Bun.spawnSync([WHARF, "context", "inspect", "default"], {
      cwd: folder,
      env: { ...own, DOCKER_CONFIG: folder, WHARF_AUTOSTART: "0" },
    });
    expect(asked.exitCode).toBe(0);
    expect(asked.stdout.toString()).not.toContain("from-dot-env");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
