import { expect, test } from "bun:test";
import { bestPeer, checkGoals, type Figures } from "./goals.ts";
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
  expect(outcome).toEqual([
    { text: "0.10 of docker, at most 0.13", isMet: true },
    { text: "0.15 of podman, at most 0.13", isMet: false },
    { text: "3.00 of the bare runtime, at most 4.00", isMet: true },
  ]);
});

test("checkGoals() turns ratios of rates round", () => {
  const goals = [{ kind: "ratio", against: "peer", atMost: 1 } as const];
  const rates = figures({ wharf: 2000, docker: 1000, podman: 100 });
  expect(checkGoals(goals, rates, "1/s", true)).toEqual([
    { text: "0.50 of docker, at most 1.00", isMet: true },
  ]);
});

test("checkGoals() says nothing of what was not measured", () => {
  const goals = [{ kind: "ratio", against: "docker", atMost: 1 } as const];
  expect(checkGoals(goals, figures({ wharf: 1 }), "ms")).toEqual([]);
  expect(checkGoals(goals, figures({ docker: 1 }), "ms")).toEqual([]);
});

test("checkGoals() checks what is absolute", () => {
  expect(checkGoals([{ kind: "absolute", atMost: 90 }], figures({ wharf: 91.26 }), "MB")).toEqual([
    { text: "91.3 MB, at most 90.0", isMet: false },
  ]);
});

test("bestPeer() leaves out ours and the bare runtime", () => {
  expect(bestPeer(figures({ wharf: 1, floor: 2, docker: 9, podman: 8 }), false)).toEqual({
    name: "podman",
    median: 8,
  });
  expect(bestPeer(figures({ wharf: 1, floor: 2 }), false)).toBeUndefined();
});
