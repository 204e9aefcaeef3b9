import type { AdoptedProcess, ProcessExit } from "#runtime/runtime.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { lastExit } from "#containers/transitions.ts";

/** What a beginning engine does about one container. */
export type ReconcileStep =
  /** Its create was never answered: nothing of it stays. */
  | { readonly kind: "discard" }
  | { readonly kind: "finish-removal" }
  /** It runs; what an earlier engine had not come to write down is written now. */
  | { readonly kind: "take-over"; readonly found: Extract<AdoptedProcess, { status: "running" }> }
  /** It ended while no engine watched. */
  | { readonly kind: "record-exit"; readonly exit: ProcessExit; readonly startedNanos: bigint }
  /** A wait for a restart that the engine's end cut off. */
  | { readonly kind: "stop-waiting" }
  /** As recorded; leftovers of its last run go. */
  | { readonly kind: "clean" };

/** Docker's code for an end that nobody saw. */
const UNKNOWN_EXIT_CODE = 255;
const NANOS_PER_MS = 1_000_000n;

/** @param found What the runtime knows; "lost" after a reboot. */
export function planReconcile(
  record: ContainerRecord,
  found: AdoptedProcess,
  nowMs: number,
): ReconcileStep {
  if (record.intent === "create") return { kind: "discard" };
  if (record.state.status === "removing") return { kind: "finish-removal" };
  if (record.state.status === "dead") return { kind: "clean" };
  if (found.status === "running") return { kind: "take-over", found };
  if (record.state.status === "running") {
    const exit =
      found.status === "exited"
        ? found.exit
        : { exitCode: UNKNOWN_EXIT_CODE, oomKilled: false, finishedMs: nowMs };
    return { kind: "record-exit", exit, startedNanos: record.state.startedNanos };
  }
  if (found.status === "exited" && isNews(record, found.exit)) {
    // started and ended before the engine could write either down
    const finishedNanos = BigInt(Math.trunc(found.exit.finishedMs)) * NANOS_PER_MS;
    return { kind: "record-exit", exit: found.exit, startedNanos: finishedNanos };
  }
  return { kind: record.state.status === "restarting" ? "stop-waiting" : "clean" };
}

/** An exit file that outlived its clean-up tells of the exit that is on record already. */
function isNews(record: ContainerRecord, exit: ProcessExit): boolean {
  const known = lastExit(record.state);
  if (!known) return true;
  return BigInt(Math.trunc(exit.finishedMs)) * NANOS_PER_MS > known.finishedNanos;
}
