// Asks a docker 28, by both its builders, what it builds from each case of test/e2e/build/testdata/trees.json, and writes that
// down:
//   DOCKER_HOST=unix:///… bun scripts/refresh-trees.ts [NAME …: these cases alone]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addBuildx } from "../test/harness/build/buildx.ts";
import { runCommand } from "../test/harness/command.ts";
import { runTreeCase, type TreeCase } from "../test/harness/build/tree-case.ts";

const path = "test/e2e/build/testdata/trees.json";
const host = process.env["DOCKER_HOST"];
if (host === undefined) throw new Error("DOCKER_HOST is not set: where is docker 28?");
const root = mkdtempSync(join(tmpdir(), "wharf-refresh-"));
addBuildx({ root });
const env = { DOCKER_HOST: host, DOCKER_CONFIG: join(root, "client") };
const client = {
  docker: (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runCommand(["docker", ...args], { env: { ...env, ...more } }),
};
const cases = JSON.parse(readFileSync(path, "utf8")) as readonly TreeCase[];
const wanted = new Set(process.argv.slice(2));
const refreshed: TreeCase[] = [];
for (const [index, one] of cases.entries()) {
  if (wanted.size > 0 && !wanted.has(one.name)) {
    refreshed.push(one);
    continue;
  }
  const tag = `wharf-tree:${index}`;
  const classic = await runTreeCase(client, one, "classic", tag);
  const buildkit = await runTreeCase(client, one, "buildkit", tag);
  refreshed.push({ ...one, classic, buildkit });
}
rmSync(root, { recursive: true, force: true });
writeFileSync(path, `[\n${refreshed.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);
