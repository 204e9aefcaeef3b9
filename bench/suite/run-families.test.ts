import { expect, test } from "bun:test";
import type { Engines } from "./engines/open.ts";
import { idleWords, runFamilies } from "./run-families.ts";
import type { Family } from "./workload.ts";

const families: readonly Family[] = [
  {
    name: "lists",
    workloads: [
      { name: "ps", unit: "ms", run: async () => await Promise.resolve(1) },
      {
        name: "ps -a with 2000",
        unit: "ms",
        takesMinutes: true,
        run: async () => await Promise.resolve(1),
      },
    ],
  },
];

async function measured(choice: {
  readonly only?: readonly string[];
  readonly isLaterRound?: boolean;
}): Promise<readonly string[]> {
  const engines: Pick<Engines, "contenders" | "floor"> = {
    contenders: [],
    floor: {
      run: async () => await Promise.resolve(1),
      exec: async () => await Promise.resolve(1),
    },
  };
  const names: string[] = [];
  const whole = { runs: 1, only: [], isLaterRound: false, ...choice };
  for await (const { workload } of runFamilies(families, engines, whole)) names.push(workload);
  return names;
}

test("idleWords() are in no name", () => {
  expect(idleWords(families, ["lists", "with 2000", "ps,start"])).toEqual(["ps,start"]);
  expect(idleWords(families, [])).toEqual([]);
});

test("runFamilies() measures what takes minutes in the first round only", async () => {
  expect(await measured({})).toEqual(["ps", "ps -a with 2000"]);
  expect(await measured({ isLaterRound: true })).toEqual(["ps"]);
});

test("runFamilies() takes families and parts of names", async () => {
  expect(await measured({ only: ["2000"] })).toEqual(["ps -a with 2000"]);
  expect(await measured({ only: ["lists"] })).toHaveLength(2);
  expect(await measured({ only: ["exec"] })).toEqual([]);
});
