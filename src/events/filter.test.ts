import { describe, expect, test } from "bun:test";
import { parseFilters } from "#spec/engine-api/filters.ts";
import type { EngineEvent } from "./events.ts";
import { EVENT_FILTERS, matchesEvent } from "./filter.ts";

const EXEC: EngineEvent = {
  type: "container",
  action: "exec_create: sh -c ls",
  actorId: "4f1e0c",
  attributes: { name: "web", image: "nginx:1.27", tier: "front" },
  scope: "local",
  timeNanos: 1n,
};
const TAG: EngineEvent = {
  type: "image",
  action: "tag",
  actorId: "sha256:aa",
  attributes: { name: "localhost:5000/a/b:v1" },
  scope: "local",
  timeNanos: 2n,
};

function matches(
  event: EngineEvent,
  filters: Readonly<Record<string, readonly string[]>>,
): boolean {
  return matchesEvent(parseFilters(JSON.stringify(filters), EVENT_FILTERS), event);
}

describe("matchesEvent()", () => {
  test("without filters takes all", () => {
    expect(matches(EXEC, {})).toBe(true);
  });

  test.each<[Readonly<Record<string, readonly string[]>>, boolean]>([
    [{ type: ["container"] }, true],
    [{ type: ["image", "container"] }, true],
    [{ type: ["cont"] }, false],
    [{ container: ["web"] }, true],
    [{ container: ["we"] }, true],
    [{ container: ["4f1"] }, true],
    [{ container: ["eb"] }, false],
    [{ event: ["exec_create"] }, true],
    [{ event: ["exec_create: sh -c ls"] }, true],
    [{ event: ["exec"] }, false],
    [{ event: ["start"] }, false],
    [{ image: ["nginx"] }, true],
    [{ image: ["nginx:1.27"] }, true],
    [{ image: ["ngin"] }, false],
    [{ label: ["tier"] }, true],
    [{ label: ["tier=front"] }, true],
    [{ label: ["tier=front", "zone"] }, false],
    [{ scope: ["local"] }, true],
    [{ scope: ["swarm"] }, false],
    [{ type: ["container"], event: ["start"] }, false],
  ])("container event and %j: %p", (filters, isWanted) => {
    expect(matches(EXEC, filters)).toBe(isWanted);
  });

  test.each<[Readonly<Record<string, readonly string[]>>, boolean]>([
    [{ image: ["localhost:5000/a/b"] }, true],
    [{ image: ["a/b"] }, false],
    [{ image: ["localhost:5000/a/b:v1"] }, true],
    [{ image: ["sha256:aa"] }, true],
    [{ image: ["sha256:a"] }, false],
  ])("image event and %j: %p", (filters, isWanted) => {
    expect(matches(TAG, filters)).toBe(isWanted);
  });
});
