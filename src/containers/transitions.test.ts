import { describe, expect, test } from "bun:test";
import type { ContainerState } from "./container.ts";
import { type ContainerVerb, refusalOf, statusWord, waitResultOf } from "./transitions.ts";
import { unknownId } from "./testing/harness.ts";

const EXIT = { exitCode: 3, oomKilled: false, startedNanos: 1n, finishedNanos: 2n };
const PROCESS = { pid: 7, startTicks: 1 };

function running(paused: boolean): ContainerState {
  return { status: "running", paused, process: PROCESS, supervisor: PROCESS, startedNanos: 1n };
}

const STATES: readonly ContainerState[] = [
  { status: "created" },
  running(false),
  running(true),
  { status: "restarting", exit: EXIT, nextStartMs: 0 },
  { status: "exited", exit: EXIT },
  { status: "removing" },
  { status: "dead", reason: "busy" },
];

const ALLOWED: Readonly<Record<ContainerVerb, readonly string[]>> = {
  start: ["created", "exited"],
  stop: ["running", "paused", "restarting"],
  kill: ["running", "paused", "restarting"],
  pause: ["running"],
  unpause: ["paused"],
  exec: ["running"],
  attach: ["created", "running", "exited"],
  top: ["running", "paused"],
  resize: ["running", "paused"],
  rename: ["created", "running", "paused", "restarting", "exited", "dead"],
  remove: ["created", "exited", "dead"],
  "remove-force": ["created", "running", "paused", "restarting", "exited", "dead"],
};

describe("refusalOf()", () => {
  test.each(Object.entries(ALLOWED))("%s is allowed in %j alone", (verb, allowed) => {
    const found = STATES.filter(
      (state) => !refusalOf(verb as ContainerVerb, { id: unknownId(), state }, "web"),
    );
    expect(found.map((state): string => statusWord(state))).toEqual([...allowed]);
  });

  test.each([
    ["start", running(false), "not-modified", "container is already running"],
    ["stop", { status: "created" }, "not-modified", "container is already stopped"],
    [
      "exec",
      running(true),
      "conflict",
      "Container web is paused, unpause the container before exec",
    ],
    ["unpause", running(false), "failed-precondition", `Container ${unknownId()} is not paused`],
    [
      "kill",
      { status: "created" },
      "conflict",
      `cannot kill container: web: container ${unknownId()} is not running`,
    ],
    [
      "remove",
      running(true),
      "conflict",
      'cannot remove container "web": container is paused and must be unpaused first',
    ],
  ] as const)("%s is refused in docker's words (%#)", (verb, state, kind, message) => {
    const refusal = refusalOf(verb, { id: unknownId(), state }, "web");
    expect(refusal?.kind).toBe(kind);
    expect(refusal?.message).toBe(message);
  });
});

test("waitResultOf() shows the code of a start that failed", () => {
  expect(waitResultOf({ status: "created" })).toEqual({ exitCode: 0 });
  const failure = { exitCode: 127, error: "not found" };
  expect(waitResultOf({ status: "created", failure })).toEqual(failure);
  expect(waitResultOf({ status: "exited", exit: EXIT })).toEqual({ exitCode: 3 });
});
