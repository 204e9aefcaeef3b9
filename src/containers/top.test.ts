import { describe, expect, test } from "bun:test";
import { parsePsArguments, parsePsOutput } from "./top.ts";

describe("parsePsOutput()", () => {
  test("keeps ours, the command in one piece", () => {
    const text = "UID   PID CMD\nroot    7 sh -c  x\nroot    8 other\n";
    expect(parsePsOutput(text, new Set([7]))).toEqual({
      titles: ["UID", "PID", "CMD"],
      processes: [["root", "7", "sh -c x"]],
    });
  });

  test("threads belong to the process above", () => {
    const text = "PID LWP\n7 -\n- 71\n8 -\n- 81\n";
    expect(parsePsOutput(text, new Set([7])).processes).toEqual([
      ["7", "-"],
      ["-", "71"],
    ]);
  });

  test("refuses a listing without PID", () => {
    expect(() => parsePsOutput("USER\nroot\n", new Set())).toThrow(
      "Couldn't find PID field in ps output",
    );
  });
});

test("parsePsArguments() refuses another column under the name PID", () => {
  expect(() => parsePsArguments("-o user=PID")).toThrow('specifying "user=PID" is not allowed');
  expect(() => parsePsArguments("-o pid=PID -o ppid=PID2")).toThrow("ppid=PID2");
  expect(parsePsArguments(" -o  pid,cmd ")).toEqual(["-o", "pid,cmd"]);
});
