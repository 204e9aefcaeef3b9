import { describe, expect, test } from "bun:test";
import { planLegacy } from "./legacy-chain.ts";

const OWN = (side: string) => `${side} wharf0 -m comment --comment wharf_1 -j ACCEPT`;

describe("planLegacy()", () => {
  test("adds at the end of a chain with policy DROP, once", () => {
    const words = ["-m", "comment", "--comment", "wharf_1", "-j", "ACCEPT"];
    expect(planLegacy("-P FORWARD DROP\n", "wharf_1", ["wharf0"])).toEqual({
      why: "policy drop",
      calls: [
        ["-A", "FORWARD", "-i", "wharf0", ...words],
        ["-A", "FORWARD", "-o", "wharf0", ...words],
      ],
    });
    const there = `-P FORWARD DROP\n-A FORWARD ${OWN("-i")}\n-A FORWARD ${OWN("-o")}\n`;
    expect(planLegacy(there, "wharf_1", ["wharf0"]).calls).toEqual([]);
  });

  test("inserts before a rule that drops all", () => {
    const listing =
      "-P FORWARD ACCEPT\n-A FORWARD -i a -j ACCEPT\n-A FORWARD -j REJECT --reject-with x\n";
    expect(planLegacy(listing, "wharf_1", ["wharf0"]).calls[0]?.slice(0, 3)).toEqual([
      "-I",
      "FORWARD",
      "2",
    ]);
  });

  test("takes its rules away where nothing drops", () => {
    const listing = `-P FORWARD ACCEPT\n-A FORWARD ${OWN("-i")}\n`;
    expect(planLegacy(listing, "wharf_1", ["wharf0"])).toEqual({
      calls: [["-D", "FORWARD", ...OWN("-i").split(" ")]],
    });
  });
});
