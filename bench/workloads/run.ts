import { runOnTerminal, timed } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import type { Goal } from "../suite/goals.ts";
import { folderAt } from "../suite/isolation.ts";
import {
  type Bench,
  engineRuntime,
  type Family,
  type RuntimeName,
  RUNTIMES,
  type Workload,
} from "../suite/workload.ts";
import { oneCommand, removal, removeContainers, SLEEP } from "./shared.ts";

const NAME = "bench";
/** Ends at once when told to; process 1 that says nothing about SIGTERM would ignore it. */
const OBEDIENT = ["busybox", "sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];

/** One container at a time, by whole client processes. */
export function runFamily(bench: Bench): Family {
  const shared = folderAt(bench.folder, "shared");
  return {
    name: "run",
    workloads: [
      {
        ...oneCommand("run --rm true", ["run", "--rm", "busybox", "true"]),
        floor: bench.runtime,
        goals: RUN_GOALS[bench.runtime],
      },
      ...RUNTIMES.filter((name) => name !== bench.runtime).map(runBy),
      oneCommand("run --rm --net host", ["run", "--rm", "--net", "host", "busybox", "true"]),
      oneCommand("run --rm -p 80", ["run", "--rm", "-p", "80", "busybox", "true"]),
      oneCommand("run --rm -v folder", ["run", "--rm", "-v", `${shared}:/data`, "busybox", "true"]),
      {
        name: "run --rm -it",
        unit: "ms",
        run: async (contender) =>
          await timed(async () => {
            await runOnTerminal(contender.argv(["run", "--rm", "-it", "busybox", "true"]));
          }),
      },
      { ...oneCommand("run -d", detached()), after: remove },
      { ...oneCommand("run -d -p 80", detached("-p", "80")), after: remove, goals: [sixth] },
      {
        ...oneCommand("start", ["start", NAME]),
        before: async ({ cli }) => await cli(["create", "--name", NAME, ...SLEEP]),
        after: remove,
        goals: [sixth],
      },
      {
        ...oneCommand("stop an obedient process", ["stop", NAME]),
        before: async ({ cli }) => await cli(["run", "-d", "--name", NAME, ...OBEDIENT]),
        after: remove,
      },
      {
        name: "rm -f",
        unit: "ms",
        run: async (contender) =>
          await timed(async () => await contender.cli(removal(contender, NAME))),
        before: async ({ cli }) => await cli(detached()),
        goals: [sixth],
      },
      {
        ...oneCommand("exec true", ["exec", NAME, "true"]),
        floor: bench.runtime,
        floorOf: "exec",
        prepare: async ({ cli }) => await cli(detached()),
        clean: remove,
        goals: [{ kind: "ratio", against: "docker", atMost: 1 / 4 }],
      },
    ],
    clean: remove,
  };
}

const RUN_GOALS: Readonly<Record<RuntimeName, readonly Goal[]>> = {
  crun: [
    { kind: "ratio", against: "docker", atMost: 1 / 8 },
    { kind: "ratio", against: "floor", atMost: 4 },
  ],
  runc: [
    { kind: "ratio", against: "docker", atMost: 1 / 6 },
    { kind: "ratio", against: "floor", atMost: 2.5 },
  ],
};

/** The same by another runtime than that of all other workloads. */
function runBy(runtime: RuntimeName): Workload {
  const name = ["--runtime", engineRuntime(runtime)];
  const rest = ["--rm", "busybox", "true"];
  return {
    name: `run --rm true, by ${runtime}`,
    unit: "ms",
    floor: runtime,
    goals: RUN_GOALS[runtime],
    run: async (contender) => {
      // podman has it among the flags before the command
      const words =
        contender.name === "podman" ? [...name, "run", ...rest] : ["run", ...name, ...rest];
      return await timed(async () => await contender.cli(words));
    },
  };
}

const sixth: Goal = { kind: "ratio", against: "peer", atMost: 1 / 6 };

function detached(...flags: readonly string[]): readonly string[] {
  return ["run", "-d", "--name", NAME, ...flags, ...SLEEP];
}

async function remove(contender: Contender): Promise<void> {
  await removeContainers(contender, NAME);
}
