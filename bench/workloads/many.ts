import { timed } from "../suite/command.ts";
import { type Contender, inLanes } from "../suite/contender.ts";
import type { Goal } from "../suite/goals.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { removeContainers, SLEEP } from "./shared.ts";

const CLIENTS = 8;

/** How many clients the plot of start latency shows. */
export const PLOTTED_CLIENTS = [1, 8, 32] as const;

export function latencyName(clients: number): string {
  return `run --rm true by ${clients} client${clients === 1 ? "" : "s"}`;
}

/** Many containers by several clients at once. */
export function manyFamily(bench: Bench): Family {
  const quarter: readonly Goal[] = [{ kind: "ratio", against: "peer", atMost: 1 / 4 }];
  return {
    name: "many",
    workloads: [
      { ...together(40), maxRuns: 3 },
      ...(bench.isQuick
        ? []
        : [{ ...together(200), maxRuns: 3, takesMinutes: true, goals: quarter }]),
      ...PLOTTED_CLIENTS.map((clients) => latency(clients, bench.isQuick ? 1 : 3)),
    ],
  };
}

function together(count: number): Workload {
  const names = Array.from({ length: count }, (_, index) => `bench-many-${index}`);
  return {
    name: `${count} × run -d by ${CLIENTS} clients`,
    unit: "ms",
    hasWarmUp: false,
    run: async ({ cli }) =>
      await timed(async () => {
        await inLanes(names, CLIENTS, async (name) => {
          await cli(["run", "-d", "--name", name, ...SLEEP]);
        });
      }),
    after: async (contender) => await removeContainers(contender, ...names),
  };
}

/** Each sample is what one of the clients waited. */
function latency(clients: number, maxRuns: number): Workload {
  const each = Math.max(2, Math.round(16 / clients));
  return {
    name: latencyName(clients),
    unit: "ms",
    maxRuns,
    hasWarmUp: false,
    run: async (contender) => {
      const samples: number[] = [];
      const turns = Array.from({ length: clients * each }, (_, index) => index);
      await inLanes(turns, clients, async () => samples.push(await runOnce(contender)));
      return samples;
    },
  };
}

async function runOnce({ cli }: Contender): Promise<number> {
  return await timed(async () => await cli(["run", "--rm", "busybox", "true"]));
}
