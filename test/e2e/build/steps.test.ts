// What a step of a build finds about it, and what the history says of it, is what docker 28's BuildKit gives.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function build(dockerfile: readonly string[], ...flags: string[]): Promise<CommandResult> {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(join(folder, "d"), { recursive: true });
  writeFileSync(join(folder, "d/f"), "f\n");
  writeFileSync(join(folder, "Dockerfile"), `${dockerfile.join("\n")}\n`);
  const built = await engine.wharf(["build", "--progress=plain", ...flags, folder]);
  expect([built.exitCode, built.stderr]).toEqual([0, expect.any(String)]);
  return built;
}

test("a step finds itself by its host name in every network", async () => {
  const find = 'ping -c 1 -W 5 "$(hostname)" > /dev/null';
  await build(
    [
      "FROM busybox",
      `RUN ${find}`,
      `RUN --network=none ${find} && grep -qx '127.0.0.1\tbuildkitsandbox' /etc/hosts`,
      `RUN --network=host ${find}`,
    ],
    ...["--allow", "network.host"],
  );
}, 60_000);

test("the history names the flags of COPY that say what the files become", async () => {
  const copy = "COPY --link --parents --chmod=640 --chown=1:2 d/f /there/";
  await build(["FROM busybox", copy], "-t", "history");
  const history = await engine.mustWharf(
    "history",
    "--no-trunc",
    "--format",
    "{{.CreatedBy}}",
    "history",
  );
  expect(history.split("\n")[0]).toBe(
    "COPY --parents --chown=1:2 --chmod=640 d/f /there/ # buildkit",
  );
}, 60_000);
