import type { HealthCheck } from "./check.ts";

/** One run of a check, as `inspect` shows it. */
export interface ProbeResult {
  readonly startedNanos: bigint;
  readonly endedNanos: bigint;
  /** 0 is well; -1 stands for a check that could not be run or took too long. */
  readonly exitCode: number;
  readonly output: string;
}

/** What the checks of a container have shown. */
export interface ContainerHealth {
  readonly status: "starting" | "healthy" | "unhealthy";
  /** Failures since the last success. */
  readonly failingStreak: number;
  /** The last five, the oldest first; those of earlier runs are kept. */
  readonly log: readonly ProbeResult[];
  /** When the run began that this is about. */
  readonly runStartedNanos: bigint;
}

const LOG_LENGTH = 5;
const NANOS_PER_MS = 1_000_000n;

/** A container that begins a run is neither well nor ill; what was logged before is kept, as in Docker. */
export function beginHealth(
  before: ContainerHealth | undefined,
  runStartedNanos: bigint,
): ContainerHealth {
  return { status: "starting", failingStreak: 0, log: before?.log ?? [], runStartedNanos };
}

/** Docker shows a container whose checks ceased, by a pause or its end, as unhealthy. */
export function ceaseHealth(before: ContainerHealth): ContainerHealth {
  return { ...before, status: "unhealthy" };
}

/** What one more result makes of a container's health. */
export function afterProbe(
  before: ContainerHealth,
  check: Pick<HealthCheck, "retries" | "startPeriodMs">,
  result: ProbeResult,
): ContainerHealth {
  const log = [...before.log, result].slice(-LOG_LENGTH);
  if (result.exitCode === 0) return { ...before, status: "healthy", failingStreak: 0, log };
  const sinceStartMs = Number((result.startedNanos - before.runStartedNanos) / NANOS_PER_MS);
  if (before.status === "starting" && sinceStartMs < check.startPeriodMs) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  const status = failingStreak >= check.retries ? "unhealthy" : before.status;
  return { ...before, status, failingStreak, log };
}

/**
 * The wait before the next check, counted from the end of the last.
 *
 * @param ranMs How long the container has been running.
 */
export function delayBeforeProbe(
  health: Pick<ContainerHealth, "status">,
  check: Pick<HealthCheck, "intervalMs" | "startPeriodMs" | "startIntervalMs">,
  ranMs: number,
): number {
  const isStarting = health.status === "starting" && ranMs < check.startPeriodMs;
  return isStarting ? check.startIntervalMs : check.intervalMs;
}

/** Whether the checks failed often enough, at the last one again, for what is to be done then. */
export function hasFailed(health: ContainerHealth, check: Pick<HealthCheck, "retries">): boolean {
  return health.status === "unhealthy" && health.failingStreak >= check.retries;
}
