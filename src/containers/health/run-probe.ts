import { messageOf } from "#base/errors.ts";
import { formatGoDuration } from "#base/durations.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { HealthCheck } from "./check.ts";
import type { ProbeResult } from "./health.ts";
import { type ProbeCommandParts, probeCommand } from "./probe-command.ts";
import { probeHttp, type ProbeOutcome, probeTcp } from "./probe-network.ts";
import { ProbeOutput } from "./probe-output.ts";

export type ProbeParts = ProbeCommandParts & Pick<ContainerParts, "clock" | "sockets">;

const NOT_RUN = -1;
const NANOS_PER_MS = 1_000_000;

/**
 * One check, done within its time. What keeps it from being done is a result like any other.
 *
 * @param startPermit Bounds how many commands are started at once; given back here.
 * @param signal The container pauses, stops or ends: the check is cut off, and its result means nothing.
 */
export async function runProbe(
  parts: ProbeParts,
  record: ContainerRecord,
  check: HealthCheck,
  startPermit: Disposable,
  signal: AbortSignal,
): Promise<ProbeResult> {
  using _ = startPermit;
  const startedNanos = parts.clock.nowNanos();
  const output = new ProbeOutput();
  const outcome = await withinTime(parts, check.timeoutMs, signal, (bounded) =>
    probe(parts, record, check, { startPermit, output }, bounded),
  ).catch((error: unknown) => {
    const text = error instanceof TimeoutReached ? timeoutText(check, output) : messageOf(error);
    return { exitCode: NOT_RUN, output: text };
  });
  return { startedNanos, endedNanos: parts.clock.nowNanos(), ...outcome };
}

class TimeoutReached extends Error {}

function timeoutText(check: HealthCheck, output: ProbeOutput): string {
  const limit = formatGoDuration(Math.round(check.timeoutMs * NANOS_PER_MS));
  const text = output.toString();
  return `Health check exceeded timeout (${limit})${text === "" ? "" : `: ${text}`}`;
}

/** @throws {TimeoutReached} After `work` has come to its end. */
async function withinTime(
  parts: Pick<ProbeParts, "clock">,
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<ProbeOutcome>,
): Promise<ProbeOutcome> {
  const expired = new AbortController();
  const done = new AbortController();
  void parts.clock.delay(limitMs, done.signal).then(
    () => expired.abort(new TimeoutReached()),
    () => undefined,
  );
  try {
    return await work(AbortSignal.any([signal, expired.signal]));
  } finally {
    done.abort();
  }
}

async function probe(
  parts: ProbeParts,
  record: ContainerRecord,
  check: HealthCheck,
  run: { readonly startPermit: Disposable; readonly output: ProbeOutput },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  if (check.probe.kind === "command") {
    return await probeCommand(parts, record, check.probe.command, run, signal);
  }
  run.startPermit[Symbol.dispose]();
  if (record.state.status !== "running") return { exitCode: NOT_RUN, output: "It does not run" };
  // not the sandbox's pin: of a namespace that it shares, that goes with the container that made it
  const namespacePath = `/proc/${record.state.process.pid}/ns/net`;
  const { sockets } = parts;
  return check.probe.kind === "http"
    ? await probeHttp(sockets, namespacePath, check.probe.target, signal)
    : await probeTcp(sockets, namespacePath, check.probe.target, signal);
}
