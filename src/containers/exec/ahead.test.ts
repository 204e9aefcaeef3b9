import { expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { Background } from "#containers/background.ts";
import type { ExecDetails } from "#containers/containers.ts";
import { ManualClock } from "#host/fake/clock.ts";
import type { ExecProcess, ExecRequest } from "#runtime/runtime.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import { parseContainerId, parseExecId } from "#spec/ids.ts";
import type { Process } from "#spec/oci-runtime.ts";
import { ExecsAhead } from "./ahead.ts";

const PROCESS: Process = { cwd: "/", args: ["ls"], env: [], user: { uid: 0, gid: 0 } };
const { signal: never } = new AbortController();

function execOf(digit: string, config = parseExecConfig({ Cmd: ["ls"], AttachStdout: true })) {
  return {
    id: parseExecId(digit.repeat(64)),
    containerId: parseContainerId("c".repeat(64)),
    config,
    status: "created",
    pid: 0,
  } satisfies ExecDetails;
}

/** Keeps what the runtime was asked for; an exec runs when its process is told. */
function openAhead() {
  const clock = new ManualClock();
  const background = new Background((message) => expect().fail(message));
  const requests: ExecRequest[] = [];
  const ends: string[] = [];
  const exec = async (request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> => {
    requests.push(request);
    try {
      await request.process();
      signal.throwIfAborted();
      ends.push("ran");
    } catch (error) {
      ends.push("given up");
      throw error;
    }
    const identity = { pid: 1, startTicks: 1 };
    return { process: identity, supervisor: identity, exited: new Promise(() => {}) };
  };
  const ahead = new ExecsAhead({ background, clock, runtime: { exec } });
  return { ahead, background, clock, requests, ends };
}

test("an exec that is started soon runs by the supervisor that waits", async () => {
  const { ahead, background, clock, requests, ends } = openAhead();
  const exec = execOf("1");
  ahead.expectStart(exec);
  expect(requests).toEqual([]);
  await background.settled();
  expect(requests).toMatchObject([{ execId: exec.id, attach: true, openStdin: false }]);
  expect(ends).toEqual([]);
  await ahead.start(exec, { detach: false, process: PROCESS }, never);
  await clock.advance(1000);
  expect([requests.length, ends]).toEqual([1, ["ran"]]);
});

test("a start that comes at once, or of which nothing was expected, waits for nothing", async () => {
  const { ahead, background, requests, ends } = openAhead();
  const detached = execOf("2", parseExecConfig({ Cmd: ["ls"] }));
  for (const exec of [execOf("1"), detached]) {
    ahead.expectStart(exec);
    await ahead.start(exec, { detach: exec === detached, process: PROCESS }, never);
    await background.settled();
  }
  expect(requests).toMatchObject([{ attach: true }, { attach: false }]);
  expect(ends).toEqual(["ran", "ran"]);
});

test("a supervisor is ended when nobody asks for the start, and when it is asked for otherwise", async () => {
  const { ahead, background, clock, requests, ends } = openAhead();
  ahead.expectStart(execOf("1"));
  await background.settled();
  await clock.advance(1000);
  expect(ends).toEqual(["given up"]);
  ahead.expectStart(execOf("2"));
  await background.settled();
  await ahead.start(execOf("2"), { detach: true, process: PROCESS }, never);
  expect(ends).toEqual(["given up", "given up", "ran"]);
  expect(requests.at(-1)).toMatchObject({ attach: false, openStdin: false });
});

test("an abort reaches the one that waits; no more than eight do; the engine's end ends them", async () => {
  const { ahead, background, requests, ends } = openAhead();
  const all = "123456789".split("").map((digit) => execOf(digit));
  for (const exec of all) ahead.expectStart(exec);
  await background.settled();
  expect(requests.length).toBe(8);
  const aborted = AbortSignal.abort(new Error("the client left"));
  const [first = execOf("0")] = all;
  const start = ahead.start(first, { detach: false, process: PROCESS }, aborted);
  expect(await rejectionOf(start)).toBe("the client left");
  await background[Symbol.asyncDispose]();
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(ends).toEqual(Array.from({ length: 8 }, () => "given up"));
});
