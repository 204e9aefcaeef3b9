// What a run, an exec and a removal cost the engine, in quantities that no load changes: system calls, processes, files
// written, database pages, bytes to the client. The budget is bench/guard/budget.json; `npm run budget:record` records it anew.
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Budget, findExcess, findSavings, perRound } from "../../../bench/guard/budget.ts";
import { type Counts, SystemCallWatch } from "../../../bench/guard/system-calls.ts";
import { openCountingProxy } from "../../harness/counting-proxy.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const FILE = resolve("bench/guard/budget.json");
const ROUNDS = 10;
const isRecording = process.env["WHARF_RECORD_BUDGET"] !== undefined;
const budget = JSON.parse(readFileSync(FILE, "utf8")) as Budget;

/** Other engines' links and firewalls are no news to one in a network namespace of its own. */
const ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** Each round leaves nothing behind. */
const OPERATIONS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "run --rm": [["run", "--rm", "busybox", "true"]],
  "run -d -p, rm -f": [
    ["run", "-d", "--name", "budget", "-p", "80", "busybox", "sleep", "100000"],
    ["rm", "-f", "budget"],
  ],
  exec: [["exec", "stays", "true"]],
};

function cgroupLayout(): string {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return "v2";
  return existsSync("/sys/fs/cgroup/unified") ? "hybrid" : "v1";
}

async function runtimeOf(engine: TestEngine): Promise<string> {
  const info = (await (await engine.api("GET", "/info")).json()) as { DefaultRuntime: string };
  return info.DefaultRuntime;
}

test.skipIf(Bun.which("strace") === null)(
  "run, exec and rm stay within their budget of system calls",
  async () => {
    await using engine = await startEngine({ under: ALONE });
    const here = { cgroups: cgroupLayout(), runtime: await runtimeOf(engine) };
    if (!isRecording && (here.cgroups !== budget.cgroups || here.runtime !== budget.runtime)) {
      const there = `${budget.runtime} on cgroup ${budget.cgroups}`;
      console.log(
        `SKIP budget: recorded with ${there}, here is ${here.runtime} on ${here.cgroups}`,
      );
      return;
    }
    await using proxy = await openCountingProxy(engine.socket, join(engine.root, "proxy.sock"));
    const client = async (words: readonly string[]): Promise<void> => {
      const { exitCode, stderr } = await engine.wharf(["-H", proxy.host, ...words]);
      expect(`${words.join(" ")}: ${exitCode} ${stderr}`).toBe(`${words.join(" ")}: 0 `);
    };
    await client(["run", "-d", "--name", "stays", "busybox", "sleep", "100000"]);
    await using watch = await SystemCallWatch.open(engine.pid, engine.root);
    const found: Record<string, Counts> = {};
    for (const [name, commands] of Object.entries(OPERATIONS)) {
      for (const words of commands) await client(words); // what only the first one does
      await watch.settle();
      watch.take();
      proxy.take();
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const words of commands) await client(words);
      }
      await watch.settle();
      const counts = { ...watch.take(), "bytes to the client": proxy.take() };
      found[name] = perRound(counts, ROUNDS);
    }
    await client(["rm", "-f", "stays"]);
    if (isRecording) {
      const recorded: Budget = { ...here, operations: found };
      writeFileSync(FILE, `${JSON.stringify(recorded, undefined, 2)}\n`);
      return;
    }
    for (const [name, counts] of Object.entries(found)) {
      const savings = findSavings(budget.operations[name] ?? {}, counts);
      if (savings.length > 0) console.log(`budget: ${name} takes less: ${savings.join("; ")}`);
    }
    const excess = Object.entries(found).flatMap(([name, counts]) =>
      findExcess(budget.operations[name] ?? {}, counts).map((line) => `${name}: ${line}`),
    );
    expect(excess).toEqual([]);
  },
  300_000,
);
