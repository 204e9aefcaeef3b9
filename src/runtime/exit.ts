import type { Cgroups } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { Processes } from "#host/processes.ts";
import type { ProcessExit } from "./runtime.ts";
import type { ProcessPair, ProcessRecord, StateFolder } from "./state-folder.ts";

const SIGKILL = 9;
/** USER_HZ, in which /proc counts since the boot. */
const TICKS_PER_SECOND = 100;
/** The kernel's log and /proc have different clocks. */
const CLOCK_SLACK_SECONDS = 1;
const KILLED_EXIT_CODE = 128 + SIGKILL;

export interface ExitParts {
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly clock: Clock;
}

/**
 * The exit of a process whose conmon has ended, from the file that conmon wrote as its last act. Where it
 * wrote none it was killed; the process, whose output nobody holds any more, is killed as well.
 */
export function readExit(
  parts: ExitParts,
  folder: StateFolder,
  record: ProcessRecord,
  pair: ProcessPair,
): ProcessExit {
  // conmon may miss the kernel's event (2.1.6 stops to watch at the first of another kind); the counter tells.
  const startedSeconds = Math.max(
    0,
    pair.process.startTicks / TICKS_PER_SECOND - CLOCK_SLACK_SECONDS,
  );
  const oomKilled =
    record.kind === "container" &&
    (folder.sawOutOfMemory || parts.cgroups.oomKills(record.cgroupPath, startedSeconds) > 0);
  const exit = folder.readExit();
  if (exit !== undefined) return { ...exit, oomKilled };
  parts.processes.kill(pair.process, SIGKILL);
  return { exitCode: KILLED_EXIT_CODE, oomKilled, finishedMs: parts.clock.nowMs() };
}
