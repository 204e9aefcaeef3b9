import type { ContainerState as WireState } from "@docker/node-sdk";
import { assertNever } from "#base/errors.ts";
import { formatHumanDuration } from "#base/durations.ts";
import { ZERO_TIME, formatRfc3339 } from "#base/rfc3339.ts";
import type { ContainerExit, ContainerState } from "#containers/container.ts";
import type { ContainerHealth } from "#containers/health/health.ts";
import type { Wire } from "#api/wire.ts";

type StatusWord = NonNullable<WireState["Status"]>;

/** `State.Status` of Docker: paused is a word of its own there. */
export function statusWord(state: ContainerState): StatusWord {
  return state.status === "running" && state.paused ? "paused" : state.status;
}

function exitOf(state: ContainerState): ContainerExit | undefined {
  return "exit" in state ? state.exit : undefined;
}

/** `State.Health` of inspect. */
export function healthToWire(health: ContainerHealth): NonNullable<Wire<WireState>["Health"]> {
  return {
    Status: health.status,
    FailingStreak: health.failingStreak,
    Log: health.log.map((result) => ({
      Start: formatRfc3339(result.startedNanos),
      End: formatRfc3339(result.endedNanos),
      ExitCode: result.exitCode,
      Output: result.output,
    })),
  };
}

/** Docker's contradicting-able flags, computed from one state. */
export function stateToWire(state: ContainerState, health?: ContainerHealth): Wire<WireState> {
  const exit = exitOf(state);
  const failure = state.status === "created" ? state.failure : undefined;
  const startedNanos = state.status === "running" ? state.startedNanos : exit?.startedNanos;
  const finishedNanos = state.status === "running" ? state.lastFinishedNanos : exit?.finishedNanos;
  return {
    Status: statusWord(state),
    Running: state.status === "running" || state.status === "restarting",
    Paused: state.status === "running" && state.paused,
    Restarting: state.status === "restarting",
    OOMKilled: exit?.oomKilled ?? false,
    Dead: state.status === "dead",
    Pid: state.status === "running" ? state.process.pid : 0,
    ExitCode: exit?.exitCode ?? failure?.exitCode ?? 0,
    Error: exit?.error ?? failure?.error ?? (state.status === "dead" ? state.reason : ""),
    StartedAt: startedNanos === undefined ? ZERO_TIME : formatRfc3339(startedNanos),
    FinishedAt: finishedNanos === undefined ? ZERO_TIME : formatRfc3339(finishedNanos),
    ...(health && { Health: healthToWire(health) }),
  };
}

/** What stands behind `Up 3 minutes`: a pause hides the health. */
function runningNote(isPaused: boolean, health: ContainerHealth | undefined): string {
  if (isPaused) return " (Paused)";
  if (!health) return "";
  return health.status === "starting" ? " (health: starting)" : ` (${health.status})`;
}

/** The sentence of `docker ps`: `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`. */
export function statusText(state: ContainerState, nowMs: number, health?: ContainerHealth): string {
  const since = (nanos: bigint): string => formatHumanDuration(nowMs - Number(nanos / 1_000_000n));
  switch (state.status) {
    case "created":
      return "Created";
    case "running":
      return `Up ${since(state.startedNanos)}${runningNote(state.paused, health)}`;
    case "restarting":
      return `Restarting (${state.exit.exitCode}) ${since(state.exit.finishedNanos)} ago`;
    case "exited":
      return `Exited (${state.exit.exitCode}) ${since(state.exit.finishedNanos)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    default:
      return assertNever(state);
  }
}
