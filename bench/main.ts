// `npm run bench`: Wharf beside docker and podman in one run. See README.md.
import { parseArgs } from "node:util";
import { openEngines } from "./suite/engines/open.ts";
import { runIsolated } from "./suite/isolation.ts";
import type { Result } from "./suite/measure.ts";
import { describeMachine, describeVersions } from "./suite/machine.ts";
import { toJson } from "./suite/report/json.ts";
import { tableHead, tableRow } from "./suite/report/table.ts";
import { prepareHost } from "./suite/preparation.ts";
import { runFamilies } from "./suite/run-families.ts";
import type { Bench, RuntimeName } from "./suite/workload.ts";
import { allFamilies } from "./workloads/families.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    peers: { type: "string", default: "docker,podman" },
    "runtime-binary": { type: "string", default: "crun" },
    /** Of one that isolates itself: where it works. */
    inside: { type: "string" },
  },
});

function parseRuntime(name: string): RuntimeName {
  if (name === "crun" || name === "runc") return name;
  throw new Error(`--runtime-binary ${name}: want crun or runc`);
}

async function runInside(folder: string): Promise<void> {
  const runtime = parseRuntime(options["runtime-binary"]);
  const bench: Bench = { folder, isQuick: options.quick, runtime };
  const say = (line: string): void => {
    if (!options.json) console.log(line);
  };
  const peers = options.peers.split(",").filter((name) => name !== "" && name !== "none");
  await using engines = await openEngines(bench, peers);
  const machine = describeMachine(new Date());
  const versions = await describeVersions(engines);
  for (const line of [machine, ...versions]) say(line);
  say(`\n${tableHead(runtime)}`);
  const runs = Number(options.runs ?? (options.quick ? 5 : 15));
  const results: Result[] = [];
  const choice = { runs, only: options.only };
  for await (const result of runFamilies(allFamilies(bench), engines, choice)) {
    results.push(result);
    say(tableRow(result));
  }
  if (options.json) console.log(toJson({ machine, versions, runtime, runs }, results));
}

if (options.inside === undefined) {
  await prepareHost(options.peers !== "none");
  const argv = [process.execPath, import.meta.path, ...process.argv.slice(2)];
  process.exitCode = await runIsolated((folder) => [...argv, "--inside", folder]);
} else {
  await runInside(options.inside);
  // a server that a workload left running would hold this process
  process.exit();
}
