import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { createCases, proxyCases } from "./testing/create-cases.ts";
import { type CreateOutcome, dockerOutcome, wharfOutcome } from "./testing/create-outcome.ts";

// Recorded from docker's own client, 28.2: WHARF_UPDATE_GOLDEN=1, with docker in the PATH.
const file = new URL("./testdata/create-outcomes.json", import.meta.url);

async function record(): Promise<void> {
  const outcomes: CreateOutcome[] = [];
  for (const line of createCases) outcomes.push(await dockerOutcome(line, false));
  for (const line of proxyCases) outcomes.push(await dockerOutcome(line, true));
  writeFileSync(file, `[\n${outcomes.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);
}

if (process.env["WHARF_UPDATE_GOLDEN"] === "1") await record();
const recorded = JSON.parse(readFileSync(file, "utf8")) as readonly CreateOutcome[];

for (const [index, expected] of recorded.entries()) {
  const withProxies = index >= createCases.length;
  const suffix = withProxies ? " (with proxies)" : "";
  test(`wharf ${expected.line}${suffix}: docker's request or refusal`, async () => {
    expect(await wharfOutcome(expected.line, withProxies)).toEqual(expected);
  });
}
