import { expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SqliteStore } from "#store/sqlite/store.ts";
import { SANDBOXES } from "./records.ts";
import { hex, Lab } from "./testing/lab.ts";

const ROUNDS = 8;

test("kill -9 at any moment leaves nothing that the next start does not remove", async () => {
  await using lab = await Lab.open();
  const engineId = hex(16);
  const bridge = `wt${engineId.slice(0, 8)}`;
  const runDir = join(lab.directory, engineId);
  const storePath = join(lab.directory, "store.db");
  for (let round = 0; round < ROUNDS; round += 1) {
    const argv = [storePath, runDir, engineId, bridge];
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "testing/churn.ts"), ...argv],
      { stdout: "pipe", stderr: "inherit" },
    );
    await child.stdout.getReader().read(); // "ready"
    await Bun.sleep(randomInt(40));
    child.kill("SIGKILL");
    await child.exited;
  }
  using store = SqliteStore.open(storePath);
  const engine = await lab.engine({ bridge }, { store, engineId });
  await engine.networks.reconcile(new Set());
  expect(engine.warnings).toEqual([]);
  expect(store.collection(SANDBOXES).count()).toBe(0);
  expect(readdirSync(join(runDir, "netns"))).toEqual([]);
  expect((await lab.container(engine, "next")).endpoints[0]?.ipAddress).toEndWith(".2");
  await engine.networks.teardown();
  await engine.crash(); // its store closes before the lab does
  const own = lab.host.netlink.links().filter(({ alias }) => alias === `wharf:${engineId}`);
  expect(own).toEqual([]);
}, 30_000);
