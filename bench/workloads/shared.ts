import { type CommandOptions, timed } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import type { Goal } from "../suite/goals.ts";
import type { Bench, Workload } from "../suite/workload.ts";

/** Of containers that take no notice of SIGTERM. */
export const SLEEP: readonly string[] = ["busybox", "sleep", "100000"];

/** No slower than the best of docker and podman. */
export const NO_SLOWER: readonly Goal[] = [{ kind: "ratio", against: "peer", atMost: 1 }];

/** A workload that is one command. */
export function oneCommand(
  name: string,
  words: readonly string[],
  options?: CommandOptions,
): Workload {
  return {
    name,
    unit: "ms",
    run: async ({ cli }) => await timed(async () => await cli(words, options)),
  };
}

/** `rm -f`; podman would wait ten seconds for a process that takes no notice of SIGTERM, docker never does. */
export function removal(contender: Contender, ...names: readonly string[]): readonly string[] {
  return ["rm", "-f", ...(contender.name === "podman" ? ["-t", "0"] : []), ...names];
}

/** podman's database gives up on two hundred at once. */
const REMOVED_AT_ONCE = 50;

export async function removeContainers(
  contender: Contender,
  ...names: readonly string[]
): Promise<void> {
  for (let from = 0; from < names.length; from += REMOVED_AT_ONCE) {
    await contender.cli(removal(contender, ...names.slice(from, from + REMOVED_AT_ONCE)));
  }
}

/** For what takes seconds: at most so many runs, and two where a quick look is enough. */
export function fewRuns(bench: Bench, most: number): Pick<Workload, "maxRuns" | "hasWarmUp"> {
  return bench.isQuick ? { maxRuns: 2, hasWarmUp: false } : { maxRuns: most };
}
