import { ask, type Contender, inLanes } from "../suite/contender.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { NO_SLOWER, oneCommand, removeContainers } from "./shared.ts";

const LANES = 4;

/** Lists of many containers, which are made and not started. */
export function listsFamily(bench: Bench): Family {
  const made = new Map<string, number>();
  const ensure = async (contender: Contender, count: number): Promise<void> => {
    const before = made.get(contender.name) ?? 0;
    const missing = Array.from({ length: Math.max(0, count - before) }, (_, at) => before + at);
    made.set(contender.name, Math.max(before, count));
    await inLanes(missing, LANES, async (index) => {
      const body = { Image: "busybox", Cmd: ["true"] };
      await ask(contender, "POST", `/containers/create?name=bench-list-${index}`, body);
    });
  };
  const list = (count: number): Workload => ({
    ...oneCommand(`ps -a with ${count}`, ["ps", "-a"]),
    prepare: async (contender) => await ensure(contender, count),
    goals: NO_SLOWER,
  });
  return {
    name: "lists",
    workloads: [
      list(200),
      {
        ...oneCommand("inspect", ["inspect", "bench-list-0"]),
        prepare: async (contender) => await ensure(contender, 1),
      },
      ...(bench.isQuick ? [] : [{ ...list(2000), takesMinutes: true }]),
    ],
    clean: async (contender) => {
      const count = made.get(contender.name) ?? 0;
      const names = Array.from({ length: count }, (_, index) => `bench-list-${index}`);
      await removeContainers(contender, ...names);
    },
  };
}
