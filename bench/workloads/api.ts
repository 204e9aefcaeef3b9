import { requestRate } from "../suite/api-load.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { NO_SLOWER, removeContainers } from "./shared.ts";

const NAME = "bench-api";

/** Requests a second to look at one container. */
export function apiFamily(bench: Bench): Family {
  const rate = (connections: number): Workload => ({
    name: `API, inspect on ${connections} connection${connections === 1 ? "" : "s"}`,
    unit: "1/s",
    isMoreBetter: true,
    maxRuns: 5,
    goals: NO_SLOWER,
    prepare: async ({ cli }) => await cli(["create", "--name", NAME, "busybox", "true"]),
    run: async (contender) =>
      await requestRate(contender, `/v1.41/containers/${NAME}/json`, {
        connections,
        seconds: bench.isQuick ? 1 : 2,
      }),
    clean: async (contender) => await removeContainers(contender, NAME),
  });
  return { name: "api", workloads: [rate(1), rate(16)] };
}
