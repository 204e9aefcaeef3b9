import { expect, test } from "bun:test";
import type { ContainerId } from "#spec/ids.ts";
import { planStartOrder, type StartOrder } from "./start-order.ts";

/** `a<b,c`: a needs b and c. */
function order(...needs: readonly string[]): StartOrder {
  return planStartOrder(
    new Map(
      needs.map((text) => {
        const [id = "", others = ""] = text.split("<");
        const needed = others.split(",").filter(Boolean) as ContainerId[];
        return [id as ContainerId, new Set(needed)];
      }),
    ),
  );
}

function idsOf({ steps }: StartOrder): string {
  return steps.map(({ id }) => id).join(" ");
}

test("planStartOrder() puts each after those that it needs, and keeps the order otherwise", () => {
  expect(idsOf(order("a<c", "b", "c<d", "d", "e"))).toBe("d c a b e");
  expect(order("a<c", "c").steps).toEqual([
    { id: "c", after: [] },
    { id: "a", after: ["c"] },
  ] as never);
});

test("planStartOrder() does not wait for what is not started", () => {
  expect(order("a<x").steps).toEqual([{ id: "a", after: [] }] as never);
});

test("planStartOrder() names a cycle, and what needs it does not wait", () => {
  const { steps, cycles } = order("a<b", "b<c", "c<b", "d", "e<e");
  expect(cycles).toEqual([["b", "c"], ["e"]] as never);
  expect(steps).toEqual([
    { id: "a", after: [] },
    { id: "d", after: [] },
  ] as never);
});

test("planStartOrder() copes with a long chain and with many that need one", () => {
  const chain = Array.from({ length: 300 }, (_, index) => `n${index}<n${index + 1}`);
  expect(order(...chain, "n300").steps[0]?.id).toBe("n300" as never);
  const star = Array.from({ length: 300 }, (_, index) => `n${index}<hub`);
  expect(order(...star, "hub").steps[0]?.id).toBe("hub" as never);
});
