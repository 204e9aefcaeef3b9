import { describe, expect, test } from "bun:test";
import { planUnits, quoteUnitWord } from "./unit-files.ts";

describe("quoteUnitWord()", () => {
  test.each([
    ["/usr/bin/wharf", "/usr/bin/wharf"],
    ["a b", '"a b"'],
    ["50%$HOME", "50%%$$HOME"],
    ['say "x" \\', '"say \\"x\\" \\\\"'],
    ["", '""'],
  ])("%j becomes %s", (word, quoted) => {
    expect(quoteUnitWord(word)).toBe(quoted);
  });

  test("refuses what would begin another line", () => {
    expect(() => quoteUnitWord("a\nExecStartPre=/bin/evil")).toThrow("it has a line break");
  });
});

test("planUnits() leaves Docker's socket to who came first", () => {
  const options = { executable: "/w", daemonFlags: [], socket: "/run/w.sock", group: "docker" };
  const names = planUnits({ ...options, dockerSocket: false }).map(({ name }) => name);
  expect(names).toEqual(["wharf.service", "wharf.socket"]);
  const [service, , docker] = planUnits({ ...options, dockerSocket: true });
  expect(service?.text).toContain("wharf-docker.socket");
  expect(docker?.text).toContain("ConditionPathExists=!/run/docker.sock\n");
});
