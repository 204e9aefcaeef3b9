// `npm run bench`: Wharf beside docker and podman in one run. See README.md.
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { openEngines } from "./suite/engines/open.ts";
import { runIsolated } from "./suite/isolation.ts";
import type { Result } from "./suite/measure.ts";
import { describeMachine, describeVersions } from "./suite/machine.ts";
import { type Circumstances, toJson } from "./suite/report/json.ts";
import { toMarkdown } from "./suite/report/markdown.ts";
import { plotLatency } from "./suite/report/plot.ts";
import { tableHead, tableRow } from "./suite/report/table.ts";
import { prepareHost } from "./suite/preparation.ts";
import { combineRounds } from "./suite/rounds.ts";
import { idleWords, runFamilies } from "./suite/run-families.ts";
import type { Bench, RuntimeName } from "./suite/workload.ts";
import { allFamilies } from "./workloads/families.ts";
import { latencyName, PLOTTED_CLIENTS } from "./workloads/many.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    /** Measures all so often, and says which goals are met each time. */
    repeat: { type: "string", default: "1" },
    /** A file to write the table to, with the plot beside it. */
    markdown: { type: "string" },
    peers: { type: "string", default: "docker,podman" },
    /** Debian's, whose docker and podman they are. */
    release: { type: "string", default: "sid" },
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
  const families = allFamilies(bench);
  const idle = idleWords(families, options.only);
  if (idle.length > 0) throw new Error(`--only ${idle.join(", ")}: no workload has such a name`);
  const peers = options.peers.split(",").filter((name) => name !== "" && name !== "none");
  await using engines = await openEngines(bench, peers);
  const machine = describeMachine(new Date());
  const versions = await describeVersions(engines);
  for (const line of [machine, ...versions]) say(line);
  say(`\n${tableHead()}`);
  const runs = Number(options.runs ?? (options.quick ? 5 : 15));
  const circumstancesOf = (rounds: readonly unknown[]): Circumstances => {
    return { machine, versions, runtime, runs, rounds: rounds.length };
  };
  const rounds: (readonly Result[])[] = [];
  const start = performance.now();
  while (rounds.length < Number(options.repeat)) {
    const results: Result[] = [];
    const choice = { runs, only: options.only, isLaterRound: rounds.length > 0 };
    for await (const result of runFamilies(families, engines, choice)) {
      results.push(result);
      say(tableRow(result));
    }
    rounds.push(results);
    const minutes = Math.round((performance.now() - start) / 60_000);
    say(`\n${minutes} minutes, ${rounds.length} of ${options.repeat}\n`);
    // after each round: what an hour has measured is not lost with the last one
    if (options.markdown !== undefined) {
      writePage(options.markdown, circumstancesOf(rounds), combineRounds(rounds));
    }
  }
  const results = combineRounds(rounds);
  if (rounds.length > 1) for (const result of results) say(tableRow(result));
  if (options.json) console.log(toJson(circumstancesOf(rounds), results));
}

/** A plot only where start latency was measured. */
function writePage(path: string, circumstances: Circumstances, results: readonly Result[]): void {
  const plot = plotOf(results);
  const plotFile = `${basename(path, ".md")}-start-latency.svg`;
  if (plot !== undefined) writeFileSync(join(dirname(path), plotFile), plot);
  const page = toMarkdown(circumstances, results, plot === undefined ? undefined : plotFile);
  writeFileSync(path, page);
}

function plotOf(results: readonly Result[]): string | undefined {
  const measured = PLOTTED_CLIENTS.map((clients) =>
    results.find(({ workload }) => workload === latencyName(clients)),
  );
  if (measured.every((one) => one === undefined)) return undefined;
  const series = ["wharf", "docker", "podman"].map((name) => ({
    name,
    points: measured.map((one) => one?.figures.get(name)),
  }));
  return plotLatency(PLOTTED_CLIENTS, series);
}

process.env["PEERS_RELEASE"] = options.release;
if (options.inside === undefined) {
  await prepareHost(options.peers !== "none");
  const argv = [process.execPath, import.meta.path, ...process.argv.slice(2)];
  process.exitCode = await runIsolated((folder) => [...argv, "--inside", folder]);
} else {
  await runInside(options.inside);
  // a server that a workload left running would hold this process
  process.exit();
}
