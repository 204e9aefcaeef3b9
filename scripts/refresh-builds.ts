// Asks a docker 28 what it builds from each case of test/e2e/build/testdata/builds.json, and writes that down:
//   DOCKER_HOST=unix:///… bun scripts/refresh-builds.ts
import { readFileSync, writeFileSync } from "node:fs";
import { type BuildCase, classicDocker, runBuildCase } from "../test/harness/build/build-case.ts";

const path = "test/e2e/build/testdata/builds.json";
const host = process.env["DOCKER_HOST"];
if (host === undefined) throw new Error("DOCKER_HOST is not set: where is docker 28?");
const docker = classicDocker(host);
const cases = JSON.parse(readFileSync(path, "utf8")) as readonly BuildCase[];
const refreshed: BuildCase[] = [];
for (const [index, one] of cases.entries()) {
  const expected = await runBuildCase(docker, one, `wharf-case:${index}`);
  refreshed.push({ ...one, expected });
}
writeFileSync(path, `[\n${refreshed.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);
