import { describe, expect, test } from "bun:test";
import { parseIdMapOption, planIdMap } from "./id-map-option.ts";

const range = { containerId: 0, hostId: 100_000, size: 65_536 };
const container = { users: [range], groups: [range] };

describe("parseIdMapOption() and planIdMap()", () => {
  test("without ids they are the container's", () => {
    expect(planIdMap(parseIdMapOption(""), container)).toEqual(container);
    expect(() => planIdMap(parseIdMapOption(""), undefined)).toThrow(
      "needs a container with a user",
    );
  });

  test("ids of the host, and with @ of the container", () => {
    const option = parseIdMapOption("uids=1000-0-1#2000-5-1;gids=@1000-0-2");
    expect(planIdMap(option, container)).toEqual({
      users: [
        { containerId: 1000, hostId: 0, size: 1 },
        { containerId: 2000, hostId: 5, size: 1 },
      ],
      groups: [{ containerId: 1000, hostId: 100_000, size: 2 }],
    });
    expect(planIdMap(option, undefined).groups[0]?.hostId).toBe(0);
  });

  test("one kind stands for both", () => {
    const { users, groups } = planIdMap(parseIdMapOption("uids=7-8-9"), undefined);
    expect(groups).toEqual(users);
  });

  test.each([
    "uids",
    "uids=1-2",
    "uids=1-2-0",
    "uids=1-2-3;uids=1-2-3",
    "pids=1-2-3",
    "uids=4294967295-0-1",
    "uids=0-0-10#5-20-1",
    "uids=0-0-10#20-5-1",
    `uids=${Array.from({ length: 341 }, (_, at) => `${at}-${at}-1`).join("#")}`,
  ])("refuses %s", (text) => {
    expect(() => parseIdMapOption(text)).toThrow("invalid idmap");
  });

  test("refuses ids that the container does not have", () => {
    expect(() => planIdMap(parseIdMapOption("uids=@0-65530-10"), container)).toThrow(
      "has no ids 65530",
    );
  });
});
