import { expect, test } from "bun:test";
import { checkGoals, goalText, isMet, verdictOf } from "./goals.ts";
import type { Result } from "./measure.ts";
import { combineRounds } from "./rounds.ts";
import { summarise } from "./statistics.ts";

function round(medians: Readonly<Record<string, number>>): readonly Result[] {
  const figures = new Map(
    Object.entries(medians).flatMap(([name, value]) => {
      const summary = summarise([value]);
      return summary ? [[name, summary] as const] : [];
    }),
  );
  const goals = checkGoals([{ kind: "ratio", against: "peer", atMost: 1 / 4 }], figures, "ms");
  const failures = new Map(figures.has("docker") ? [] : [["docker", "it is broken"]]);
  return [{ workload: "run", unit: "ms", isMoreBetter: false, figures, failures, goals }];
}

test("combineRounds() takes the round in the middle, and every round's ratio", () => {
  const [result] = combineRounds([
    round({ wharf: 20, docker: 100 }),
    round({ wharf: 40, docker: 200 }),
    round({ wharf: 30, docker: 90 }),
  ]);
  expect(result?.figures.get("wharf")?.median).toBe(30);
  expect(result?.figures.get("docker")?.median).toBe(100);
  const goal = result?.goals[0] ?? { atMost: 0, figures: [] };
  expect(goalText(goal)).toBe("0.20, 0.20, 0.33 of docker, at most 0.25");
  expect(verdictOf(goal)).toBe("missed in 1 of 3 runs");
  expect(isMet(goal)).toBe(false);
});

test("combineRounds() names each peer where it is not the same, and keeps what a failure left", () => {
  const [result] = combineRounds([
    round({ wharf: 20, docker: 100, podman: 200 }),
    round({ wharf: 20 }),
    round({ wharf: 20, docker: 200, podman: 100 }),
  ]);
  const goal = result?.goals[0] ?? { atMost: 0, figures: [] };
  expect(goalText(goal)).toBe("0.20 of docker, 0.20 of podman, at most 0.25");
  expect(verdictOf(goal)).toBe("met in all of 2 runs");
  expect(result?.failures.get("docker")).toBe("it is broken");
});

test("combineRounds() of one round is that round", () => {
  const one = round({ wharf: 20, docker: 100 });
  expect(combineRounds([one])).toEqual(one);
});
