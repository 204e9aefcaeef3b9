import { expect, test } from "bun:test";
import { bestPeer, checkGoals, type Figures, goalText, isMet, verdictOf } from "./goals.ts";
import { summarise } from "./statistics.ts";

function figures(medians: Readonly<Record<string, number>>): Figures {
  return new Map(
    Object.entries(medians).flatMap(([name, value]) => {
      const summary = summarise([value]);
      return summary ? [[name, summary] as const] : [];
    }),
  );
}

test("checkGoals() holds ours against docker, the best peer and the bare runtime", () => {
  const outcome = checkGoals(
    [
      { kind: "ratio", against: "docker", atMost: 1 / 8 },
      { kind: "ratio", against: "peer", atMost: 1 / 8 },
      { kind: "ratio", against: "floor", atMost: 4 },
    ],
    figures({ wharf: 30, docker: 300, podman: 200, floor: 10 }),
    "ms",
  );
  expect(outcome.map(goalText)).toEqual([
    "0.10 of docker, at most 0.13",
    "0.15 of podman, at most 0.13",
    "3.00 of the bare runtime, at most 4.00",
  ]);
  expect(outcome.map(isMet)).toEqual([true, false, true]);
  expect(outcome.map(verdictOf)).toEqual(["met", "missed", "met"]);
});

test("checkGoals() turns ratios of rates round", () => {
  const goals = [{ kind: "ratio", against: "peer", atMost: 1 } as const];
  const rates = figures({ wharf: 2000, docker: 1000, podman: 100 });
  const outcome = checkGoals(goals, rates, "1/s", true);
  expect(outcome.map(goalText)).toEqual(["0.50 of docker, at most 1.00"]);
  expect(outcome.map(isMet)).toEqual([true]);
});

test("checkGoals() says nothing of what was not measured", () => {
  const goals = [{ kind: "ratio", against: "docker", atMost: 1 } as const];
  expect(checkGoals(goals, figures({ wharf: 1 }), "ms")).toEqual([]);
  expect(checkGoals(goals, figures({ docker: 1 }), "ms")).toEqual([]);
});

test("checkGoals() checks what is absolute", () => {
  const outcome = checkGoals([{ kind: "absolute", atMost: 90 }], figures({ wharf: 91.26 }), "MB");
  expect(outcome.map(goalText)).toEqual(["91.3 MB, at most 90.0"]);
  expect(outcome.map(isMet)).toEqual([false]);
});

test("bestPeer() leaves out ours and the bare runtime", () => {
  expect(bestPeer(figures({ wharf: 1, floor: 2, docker: 9, podman: 8 }), false)).toEqual({
    name: "podman",
    median: 8,
  });
  expect(bestPeer(figures({ wharf: 1, floor: 2 }), false)).toBeUndefined();
});
