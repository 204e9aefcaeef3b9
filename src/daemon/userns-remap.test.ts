import { describe, expect, test } from "bun:test";
import { hasProfile } from "./apparmor.ts";
import { firstFreeId, planRemap } from "./userns-remap.ts";

const files = {
  passwd:
    "root:x:0:0::/root:/bin/sh\ndockremap:x:999:995::/:/bin/false\nann:x:1000:1001::/:/bin/sh\n",
  group: "root:x:0:\ndockremap:x:995:\nann:x:1001:\nteam:x:1000:\n",
  subuid: "# comment\ndockremap:100000:65536\nann:200000:1000\n1000:300000:10\n",
  subgid: "dockremap:100000:65536\nann:200000:1000\nteam:400000:65536\n",
};

describe("planRemap()", () => {
  test.each([
    ["default", 100_000, 100_000],
    ["dockremap", 100_000, 100_000],
    ["ann", 200_000, 200_000],
    ["ann:team", 200_000, 400_000],
    ["1000", 200_000, 400_000], // the group of the same number
    ["1000:1001", 200_000, 200_000],
  ])("%s", (setting, uid, gid) => {
    const planned = planRemap(setting, files);
    expect(planned?.users[0]?.hostId).toBe(uid);
    expect(planned?.groups[0]?.hostId).toBe(gid);
  });

  test("ranges by name and by number follow each other", () => {
    expect(planRemap("ann", files)?.users).toEqual([
      { containerId: 0, hostId: 200_000, size: 1000 },
      { containerId: 1000, hostId: 300_000, size: 10 },
    ]);
  });

  test.each([
    ["a:b:c", "Invalid user/group specification"],
    ["nobody", 'Error during uid lookup for "nobody"'],
    ["77", "Uid 77 has no entry in /etc/passwd"],
    ["ann:nogroup", 'Error during gid lookup for "nogroup"'],
    ["ann:77", "Gid 77 has no entry in /etc/group"],
  ])("refuses %s", (setting, message) => {
    expect(() => planRemap(setting, files)).toThrow(message);
  });

  test("refuses a user without ranges, and takes root for none", () => {
    const without = { ...files, subuid: "" };
    expect(() => planRemap("ann", without)).toThrow('no subuid ranges found for user "ann"');
    expect(planRemap("root", files)).toBeUndefined();
  });
});

test("firstFreeId() lies behind every range", () => {
  expect(firstFreeId("")).toBe(100_000);
  expect(firstFreeId(files.subuid)).toBe(300_010);
});

test("hasProfile() wants the whole name", () => {
  expect(hasProfile("wharf-default (enforce)\nother (complain)\n", "wharf-default")).toBe(true);
  expect(hasProfile("wharf-default//child (enforce)\n", "wharf-default")).toBe(false);
});
