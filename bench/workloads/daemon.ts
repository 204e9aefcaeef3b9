import { timed } from "../suite/command.ts";
import { ask, type Contender, inLanes } from "../suite/contender.ts";
import { engineMegabytes } from "../suite/memory.ts";
import type { Bench, Family } from "../suite/workload.ts";
import { removeContainers, SLEEP } from "./shared.ts";

const RUNNING = 50;
const IDLE_CONTAINERS = 20;
/** Until what a daemon does after its start is done. */
const SETTLE_MS = 3_000;
const WITH_DAEMON = ["wharf", "docker"];
const LANES = 4;

/** The daemons themselves: how soon they are there, and what they and their helpers take when nothing happens. */
export function daemonFamily(bench: Bench): Family {
  const count = bench.isQuick ? 100 : 500;
  const running = Math.round((count * RUNNING) / 500);
  const names = Array.from({ length: count }, (_, index) => `bench-daemon-${index}`);
  const idle = names.slice(0, IDLE_CONTAINERS);
  return {
    name: "daemon",
    workloads: [
      {
        name: "memory of the daemon, idle",
        unit: "MB",
        contenders: WITH_DAEMON,
        maxRuns: bench.isQuick ? 1 : 3,
        hasWarmUp: false,
        goals: [{ kind: "absolute", atMost: 90 }],
        before: async ({ daemon }) => {
          await daemon?.stop();
          await daemon?.start();
          await Bun.sleep(SETTLE_MS);
        },
        run: async (contender) => engineMegabytes(contender),
      },
      {
        name: "memory of each idle container",
        unit: "MB",
        maxRuns: bench.isQuick ? 1 : 3,
        hasWarmUp: false,
        goals: [{ kind: "ratio", against: "docker", atMost: 1 / 3 }],
        run: async (contender) => {
          const before = engineMegabytes(contender);
          for (const name of idle) await contender.cli(["run", "-d", "--name", name, ...SLEEP]);
          await Bun.sleep(SETTLE_MS);
          return (engineMegabytes(contender) - before) / idle.length;
        },
        after: async (contender) => await removeContainers(contender, ...idle),
      },
      {
        name: "daemon start",
        unit: "ms",
        contenders: WITH_DAEMON,
        before: async ({ daemon }) => await daemon?.stop(),
        run: startAndList,
      },
      {
        name: `daemon start, ${count} containers, ${running} run`,
        unit: "ms",
        contenders: WITH_DAEMON,
        maxRuns: 5,
        takesMinutes: !bench.isQuick,
        goals: [{ kind: "ratio", against: "docker", atMost: 1 / 3 }],
        prepare: async (contender) => {
          await inLanes(names, LANES, async (name) => {
            const body = { Image: "busybox", Cmd: ["sleep", "100000"] };
            await ask(contender, "POST", `/containers/create?name=${name}`, body);
          });
          await inLanes(names.slice(0, running), LANES, async (name) => {
            await ask(contender, "POST", `/containers/${name}/start`);
          });
        },
        before: async ({ daemon }) => await daemon?.stop(),
        run: async (contender) => {
          const taken = await startAndList(contender);
          const list = JSON.parse(await ask(contender, "GET", "/containers/json")) as unknown[];
          if (list.length !== running) throw new Error(`${list.length} of ${running} still run`);
          return taken;
        },
        clean: async (contender) => await removeContainers(contender, ...names),
      },
    ],
  };
}

/** Until it has answered with all of its containers. @returns Milliseconds. */
async function startAndList(contender: Contender): Promise<number> {
  return await timed(async () => {
    await contender.daemon?.start();
    await ask(contender, "GET", "/containers/json?all=1");
  });
}
