import type { OnStepFailed } from "#builder/solver/failed-step.ts";
import { StatusError } from "#rpc/status.ts";
import { SOLVE_ERROR_TYPE, writeSolveError } from "#spec/buildkit/solve-error.ts";
import type { RunningBuild } from "./running-build.ts";
import { withSource } from "./failure.ts";

/** A failure whose step is kept for the client to look at. */
export class HeldFailure extends StatusError {}

/**
 * Runs a build of a client that drives it. When a step fails, the client is told at once, with names for what the step
 * had; that stays until the client ends the build or is gone.
 *
 * @throws {HeldFailure} That. All else that the work throws.
 * @param work Must end when the signal aborts, which it does when the client gives up the call without having been told.
 */
export async function tellingFailures<Result>(
  build: RunningBuild,
  work: (onStepFailed: OnStepFailed, signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const giving = new AbortController();
  const onAbort = (): void => giving.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const held = Promise.withResolvers<never>();
  const onStepFailed: OnStepFailed = async (step) => {
    // the answer ends the call
    signal.removeEventListener("abort", onAbort);
    if (giving.signal.aborted) return;
    const { told, released } = build.containers.keep(step);
    held.reject(withDetail(step.error, writeSolveError(told)));
    await released;
  };
  const working = work(onStepFailed, giving.signal);
  build.addWork(working);
  try {
    return await Promise.race([working, held.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function withDetail(error: Error, value: Uint8Array): HeldFailure {
  const { status } = withSource(error);
  const details = [{ typeUrl: SOLVE_ERROR_TYPE, value }, ...status.details];
  return new HeldFailure({ ...status, details }, { cause: error });
}
