import { describe, expect, test } from "bun:test";
import type { Fault } from "#base/fault.ts";
import { type CheckSources, runCheck } from "./check.ts";
import { supervisedId } from "./processes.ts";

const NOW = new AbortController().signal;

function fault(subject: string, apply?: () => Promise<void>): Fault {
  const explanation = `${subject} is wrong`;
  return {
    kind: "folder",
    subject,
    explanation,
    ...(apply && { mend: { words: "mend it", apply } }),
  };
}

/** Looks in turn; the last one goes on. */
function sources(...looks: (readonly Fault[])[]): CheckSources {
  let look = 0;
  return {
    audits: [() => looks[Math.min(look++, looks.length - 1)] ?? []],
    deepAudits: [() => Promise.resolve([fault("deep")])],
    clock: { delay: () => Promise.resolve() },
  };
}

describe("runCheck()", () => {
  test("tells what is there at both looks", async () => {
    const found = await runCheck(
      sources([fault("lasting"), fault("passing")], [fault("lasting"), fault("new")]),
      { repair: false, deep: false },
      NOW,
    );
    expect(found.map((one) => one.fault.subject)).toEqual(["lasting"]);
  });

  test("mends what can be mended, and says what stays", async () => {
    const mended: string[] = [];
    const apply = (name: string) => async () => void mended.push(name);
    const all = [
      fault("good", apply("good")),
      fault("stubborn", apply("stubborn")),
      fault("broken", () => Promise.reject(new Error("read-only"))),
      fault("by hand"),
    ];
    const after = all.slice(1);
    const found = await runCheck(sources(all, all, after), { repair: true, deep: false }, NOW);
    expect(mended).toEqual(["good", "stubborn"]);
    expect(found.map(({ outcome }) => outcome)).toEqual([
      "mended",
      { failure: "it is still there" },
      { failure: "read-only" },
      "found",
    ]);
  });

  test("reads blobs only when asked", async () => {
    const found = await runCheck(sources([]), { repair: false, deep: true }, NOW);
    expect(found.map((one) => one.fault.subject)).toEqual(["deep"]);
  });
});

describe("supervisedId()", () => {
  const state = "/run/wharf/runtime";
  test.each([
    [["/usr/bin/conmon", "-p", `${state}/processes/abc/pid`], "abc"],
    [["conmon", "-p", "/run/other/runtime/processes/abc/pid"], undefined],
    [["bash", `${state}/processes/abc/pid`], undefined],
    [[], undefined],
  ])("%j supervises %p", (words, id) => {
    expect(supervisedId(words, state)).toBe(id);
  });
});
