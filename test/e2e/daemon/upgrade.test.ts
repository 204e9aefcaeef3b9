// An operator puts the next build in the executable's place while the engine runs: until its restart the engine
// works on, with child processes of its own build.
import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestEngine, WHARF } from "../../harness/engine.ts";

test("an engine whose executable was replaced loads, copies and measures as before", async () => {
  const folder = mkdtempSync("/var/tmp/wharf-e2e-upgrade-");
  const executable = join(folder, "wharf");
  copyFileSync(WHARF, executable);
  chmodSync(executable, 0o755);
  await using engine = new TestEngine({});
  engine.executable = executable;
  await engine.start();
  const next = join(folder, "next");
  writeFileSync(next, "#!/bin/sh\nexit 66\n", { mode: 0o755 });
  renameSync(next, executable);
  engine.executable = WHARF; // the client's, and that of a later start

  await engine.importImage("busybox");
  await engine.mustDocker("run", "-d", "--name", "old", "busybox", "sleep", "1000");
  const sent = join(folder, "sent");
  writeFileSync(sent, "text");
  await engine.mustDocker("cp", sent, "old:/sent");
  expect(await engine.mustDocker("exec", "old", "cat", "/sent")).toBe("text");
  expect(await engine.mustDocker("diff", "old")).toBe("A /sent");
  await engine.mustDocker("commit", "old", "kept:1");
  expect(await engine.mustDocker("system", "df")).toContain("Images");
  rmSync(executable); // as a package's removal does
  await engine.mustDocker("cp", "old:/sent", join(folder, "back"));
  rmSync(folder, { recursive: true });
}, 60_000);
