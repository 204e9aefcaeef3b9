import { expect, test } from "bun:test";
import type { ContainerInspectResponse } from "@docker/node-sdk";
import { explain } from "./explain.ts";
import type { WhyEvent, WhyFacts } from "./facts.ts";

const now = Date.parse("2026-11-22T12:00:00Z");
const image = "sha256:1111";

type State = NonNullable<ContainerInspectResponse["State"]>;

function facts(state: State, more: Partial<WhyFacts> & ContainerInspectResponse = {}): WhyFacts {
  const { events, lastLines, imageNow, nowMs, ...container } = more;
  return {
    container: {
      Name: "/web",
      Path: "nginx",
      Args: ["-g", "daemon off;"],
      Image: image,
      Created: "2026-11-22T11:00:00Z",
      Config: { Image: "nginx:1" },
      State: { StartedAt: "2026-11-22T11:57:00Z", FinishedAt: "2026-11-22T11:58:00Z", ...state },
      ...container,
    },
    events: events ?? [],
    lastLines: lastLines ?? [],
    imageNow: imageNow ?? { id: image },
    nowMs: nowMs ?? now,
  };
}

function event(action: string, second: number, attributes: WhyEvent["attributes"] = {}): WhyEvent {
  return { action, timeMs: now - 120_000 + second * 1000, attributes };
}

const exited = (code: number, more: State = {}): State => ({
  Status: "exited",
  ExitCode: code,
  ...more,
});
const start = event("start", -60);

const CASES: readonly (readonly [what: string, facts: WhyFacts, cause: RegExp, mend?: RegExp])[] = [
  ["a clean end", facts(exited(0)), /^Its command ended by itself.*nginx -g/, /foreground/],
  [
    "its own fault, with what it said",
    facts(exited(1), { lastLines: ["starting", "no such table"] }),
    /ended itself with code 1; its last line: no such table/,
  ],
  [
    "a memory limit",
    facts(exited(137, { OOMKilled: true }), { HostConfig: { Memory: 10_485_760 } }),
    /limit of 10MiB of memory/,
    /update --memory 20971520 .* web/,
  ],
  ["memory of the host", facts(exited(137, { OOMKilled: true })), /host ran out of memory/],
  [
    "SIGTERM ignored for the whole grace period",
    facts(exited(137), {
      events: [
        start,
        event("kill", 0, { signal: "15" }),
        event("kill", 10, { signal: "9" }),
        event("stop", 10),
      ],
    }),
    /"nginx" did not end on SIGTERM: after 10 seconds it was killed/,
    /--init/,
  ],
  [
    "a stop that was obeyed",
    facts(exited(143), { events: [start, event("kill", 0, { signal: "15" }), event("stop", 1)] }),
    /A client stopped it \(SIGTERM\)/,
    /wharf start web/,
  ],
  [
    "a kill of an earlier run says nothing of this one",
    facts(exited(2), { events: [start, event("kill", 0, { signal: "9" }), start] }),
    /ended itself with code 2/,
  ],
  [
    "a kill by a client",
    facts(exited(137), { events: [start, event("kill", 0, { signal: "9" })] }),
    /A client sent it SIGKILL/,
  ],
  [
    "a kill by somebody else",
    facts(exited(137)),
    /SIGKILL, which no client of the engine sent/,
    /dmesg/,
  ],
  ["a segmentation fault", facts(exited(139)), /crashed: .*segmentation fault/],
  ["a missing program", facts(exited(127)), /not found: "nginx"/],
  ["a program that may not run", facts(exited(126)), /could not be executed: "nginx"/],
  [
    "a failed start",
    facts({ Status: "created", ExitCode: 127, Error: 'exec: "nope": not found' }),
    /could not be started: exec: "nope": not found/,
  ],
  [
    "a port that is taken",
    facts({ Status: "created", Error: "Bind for 0.0.0.0:80 failed: port is already allocated" }),
    /could not be started: Bind for/,
    /publish another one/,
  ],
  ["never started", facts({ Status: "created" }), /Nobody has started it/, /wharf start web/],
  ["paused", facts({ Status: "paused" }), /frozen/, /wharf unpause web/],
  [
    "unhealthy",
    facts({
      Status: "running",
      Health: {
        Status: "unhealthy",
        FailingStreak: 3,
        Log: [{ ExitCode: 1, Output: "connecting\nconnection refused\n" }],
      },
    }),
    /failed 3 times in a row: connection refused/,
    /wharf exec web/,
  ],
  [
    "restarted by its policy",
    facts(
      { Status: "running" },
      {
        RestartCount: 4,
        HostConfig: { RestartPolicy: { Name: "always" } },
        events: [event("die", 0, { exitCode: "3" })],
      },
    ),
    /after 4 restarts by its policy "always"/,
  ],
];

for (const [what, given, cause, mend] of CASES) {
  test(`explain() knows ${what}`, () => {
    const explanation = explain(given);
    expect(explanation.cause ?? "").toMatch(cause);
    expect(explanation.mend.join("\n")).toMatch(mend ?? /^/);
  });
}

test("explain() finds nothing wrong with a container that runs", () => {
  const { cause, state } = explain(facts({ Status: "running" }));
  expect(cause).toBeUndefined();
  expect(state).toBe("web has run for 3 minutes");
});

test("explain() says what changed since", () => {
  const moved = explain(facts(exited(1), { imageNow: { id: "sha256:2222" } }));
  expect(moved.changed).toEqual([
    "nginx:1 is another image now: the container still has the one it was made from",
  ]);
  const gone = explain({ ...facts(exited(1)), imageNow: undefined });
  expect(gone.changed).toEqual(["the image name nginx:1 means nothing on this engine any more"]);
});

test("explain() says when it ended and how long it ran", () => {
  expect(explain(facts(exited(1))).state).toBe(
    "web exited with code 1 2 minutes ago, about a minute after its start",
  );
});
