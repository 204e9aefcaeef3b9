// A cleaning job runs all the time: it never takes anything from under pulls, loads, pushes and builds.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { loadLayeredImage } from "../../harness/images/layered-image.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const ROUNDS = 4;
const folder = mkdtempSync("/var/tmp/wharf-beside-");
let engine: TestEngine;
let server: RegistryServer;

beforeAll(async () => {
  [engine, server] = await Promise.all([
    startEngine(),
    RegistryServer.open({ flags: ["--auth", "none"] }),
  ]);
  for (const name of ["one", "two"]) {
    const image = `${server.host}/beside/${name}:1`;
    await loadLayeredImage(engine, folder, image, `add(${JSON.stringify(name)})`);
    await engine.mustWharf("push", "-q", image);
  }
  await engine.mustWharf("save", "-o", join(folder, "two.tar"), `${server.host}/beside/two:1`);
  const context = join(folder, "context");
  mkdirSync(context);
  writeFileSync(
    join(context, "Dockerfile"),
    `FROM ${server.host}/beside/one:1\nARG ROUND\nRUN echo $ROUND > /round\nCOPY Dockerfile /\n`,
  );
  // what a container runs from stays; everything else may go at any time
  await engine.mustWharf("run", "-d", "--name", "keeper", "--init", "busybox", "sleep", "1000");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** `system prune -a`, `image prune -a` and `builder prune -a`, one after the other until `isOver`. */
async function pruneUntil(isOver: () => boolean): Promise<number> {
  const all = encodeURIComponent('{"dangling":["false"]}');
  let rounds = 0;
  while (!isOver()) {
    for (const path of [
      `/images/prune?filters=${all}`,
      "/containers/prune",
      "/build/prune?all=true",
      "/networks/prune",
    ]) {
      const answer = await engine.api("POST", path);
      // docker's answer while another prune is under way
      if (!answer.ok && answer.status !== 409) throw new Error(await answer.text());
      await answer.body?.cancel();
    }
    rounds++;
  }
  return rounds;
}

test("pulls, loads, builds and pushes go on beside prunes without end", async () => {
  let isOver = false;
  const pruning = pruneUntil(() => isOver);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const pushed = `${server.host}/beside/kept:${round}`;
      await engine.mustWharf("tag", "busybox", pushed);
      const results = await Promise.all([
        engine.wharf(["pull", "-q", `${server.host}/beside/one:1`]),
        engine.wharf(["load", "-q", "-i", join(folder, "two.tar")]),
        engine.wharf(["push", "-q", pushed]),
        engine.wharf(["pull", "-q", `${server.host}/beside/two:1`]),
        engine.wharf([
          ...["build", "-q", "--pull", "--build-arg", `ROUND=${round}`],
          join(folder, "context"),
        ]),
      ]);
      const failed = results.filter(({ exitCode }) => exitCode !== 0);
      expect(failed.map(({ stderr }) => stderr)).toEqual([]);
    }
  } finally {
    isOver = true;
    await pruning;
  }
  expect(await pruning).toBeGreaterThan(ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await fetch(`${server.url}/v2/beside/kept/manifests/${round}`, {
      headers: { Accept: "*/*" },
    });
    expect(answer.status).toBe(200);
  }
  await engine.mustWharf("pull", "-q", `${server.host}/beside/one:1`);
  const found = await engine.mustWharf("run", "--rm", `${server.host}/beside/one:1`, "ls", "/one");
  expect(found).toBe("/one");
  const checked = await engine.wharf(["system", "check"]);
  expect(checked.stdout).not.toMatch(/blob|layer/);
}, 120_000);
