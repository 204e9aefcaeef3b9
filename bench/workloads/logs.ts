import { runToNowhere, timed } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { fewRuns, NO_SLOWER, removeContainers } from "./shared.ts";

const NAME = "bench-log";
const LINE = "0123456789".repeat(10);

/** What containers write, kept and shown again. */
export function logsFamily(bench: Bench): Family {
  const write = async ({ cli, name }: Contender, bytes: number): Promise<void> => {
    // podman's logs know no such option, and have no limit
    const limit = name === "podman" ? [] : ["--log-opt", "max-size=1g"];
    const script = `yes ${LINE} | head -c ${bytes}`;
    await cli(["run", "-d", "--name", NAME, ...limit, "busybox", "sh", "-c", script]);
    await cli(["wait", NAME]);
  };
  const remove = async (contender: Contender): Promise<void> =>
    await removeContainers(contender, NAME);
  const read = (name: string, flags: readonly string[]): Workload => ({
    name,
    unit: "ms",
    ...fewRuns(bench, 5),
    prepare: async (contender) => await write(contender, 50_000_000),
    run: async ({ argv }) =>
      await timed(async () => await runToNowhere(argv(["logs", ...flags, NAME]))),
    clean: remove,
  });
  return {
    name: "logs",
    workloads: [
      {
        name: "100 MB into the log",
        unit: "ms",
        ...fewRuns(bench, 3),
        run: async (contender) => await timed(async () => await write(contender, 100_000_000)),
        after: remove,
        goals: NO_SLOWER,
      },
      {
        ...read("logs of 50 MB", []),
        goals: [{ kind: "ratio", against: "peer", atMost: 1 / 2 }],
      },
      read("logs --tail 10 of 50 MB", ["--tail", "10"]),
    ],
  };
}
