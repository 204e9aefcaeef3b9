import {
  FailedPreconditionError,
  InvalidArgumentError,
  messageOf,
  NotFoundError,
  NotModifiedError,
  UnavailableError,
} from "#base/errors.ts";
import { CommandNotFoundError, CommandNotInvocableError } from "#runtime/errors.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { CheckpointChoice } from "#spec/engine-api/checkpoint.ts";
import { type BringUpParts, bringUp } from "./bring-up/bring-up.ts";
import { assertCheckpoints } from "./checkpoints/create.ts";
import { checkpointPath } from "./checkpoints/folder.ts";
import { removeUnstarted, type RemoveParts } from "./remove.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRecord } from "./container.ts";
import { assertAllowed, waitResultOf } from "./transitions.ts";

const START_FAILED = 128;

export type StartParts = BringUpParts & RemoveParts & Pick<ContainerParts, "warn">;

/**
 * @param signal An abort undoes what is done so far, as a failure does.
 * @param checkpoint To go on from, instead of anew.
 * @throws {NotModifiedError} It runs already. A `StartError` with the exit code that the container has now.
 */
export async function startContainer(
  parts: StartParts,
  reference: string,
  signal: AbortSignal,
  checkpoint?: CheckpointChoice,
): Promise<void> {
  parts.cgroups.expectMove();
  const { id } = parts.registry.resolve(reference);
  const live = parts.lives.of(id);
  await live.lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed("start", record, reference);
    const restoreFrom =
      checkpoint && (await chooseCheckpoint(parts, record, checkpoint, reference));
    if (parts.isEnding()) {
      throw new UnavailableError(`Cannot start container ${reference}: the engine is ending`);
    }
    live.lastDelayMs = 0;
    try {
      const fresh = { ...record, restartCount: 0, stoppedByUser: false };
      await bringUp(parts, fresh, signal, restoreFrom);
    } catch (error) {
      recordFailure(parts, record, error);
      if (record.hostConfig.AutoRemove) await removeUnstarted(parts, id);
      throw error;
    }
  });
}

/** @throws {InvalidArgumentError} There is none of that name. {UnsupportedError} This host cannot. */
async function chooseCheckpoint(
  parts: StartParts,
  record: ContainerRecord,
  choice: CheckpointChoice,
  reference: string,
): Promise<string> {
  let path: string;
  try {
    path = checkpointPath(parts, record, choice, reference);
  } catch (error) {
    // the API says 400: 404 is for the container
    throw error instanceof NotFoundError ? new InvalidArgumentError(error.message) : error;
  }
  const attempt = `restore container ${reference}`;
  await assertCheckpoints(parts, attempt, record.hostConfig.Runtime);
  return path;
}

/** The next start of a restart policy; a failing one ends the policy, as in Docker. Never rejects. */
export async function startByPolicy(parts: StartParts, id: ContainerId): Promise<void> {
  const live = parts.lives.of(id);
  await live.lane.run(async () => {
    const record = parts.registry.find(id);
    if (record?.state.status !== "restarting" || parts.isEnding()) return;
    live.pendingRestart = undefined;
    try {
      await bringUp(parts, record, parts.background.signal);
    } catch (error) {
      if (error instanceof NotModifiedError) return;
      const failed = recordFailure(parts, record, error);
      live.waiters.settleExit(waitResultOf(failed.state));
      parts.warn(`Cannot restart container ${id}: ${messageOf(error)}`);
    }
  });
}

/** For a restart policy when the engine begins. Never rejects. */
export async function startWithEngine(parts: StartParts, id: ContainerId): Promise<void> {
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.find(id);
    if (record?.state.status !== "exited" || parts.isEnding()) return;
    try {
      await bringUp(parts, { ...record, stoppedByUser: false }, parts.background.signal);
    } catch (error) {
      recordFailure(parts, record, error);
      parts.warn(`Cannot restart container ${record.name}: ${messageOf(error)}`);
    }
  });
}

/** Instead of `startWithEngine`, for a container that cannot start. Never rejects. */
export async function failWithEngine(
  parts: Pick<ContainerParts, "clock" | "lives" | "registry" | "warn">,
  id: ContainerId,
  reason: string,
): Promise<void> {
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.find(id);
    if (record?.state.status !== "exited") return;
    recordFailure(parts, record, new FailedPreconditionError(reason));
    parts.warn(`Cannot restart container ${record.name}: ${reason}`);
  });
}

/** A container that never ran stays `created`, one that ran `exited`; both show why. */
function recordFailure(
  parts: Pick<ContainerParts, "registry" | "lives" | "clock">,
  record: ContainerRecord,
  thrown: unknown,
): ContainerRecord {
  const error = messageOf(thrown);
  const { state } = record;
  const hasRun = state.status === "exited" || state.status === "restarting";
  const exitCode = exitCodeOf(thrown, hasRun ? state.exit.exitCode : 0);
  const failed: ContainerRecord = {
    ...record,
    state: hasRun
      ? { status: "exited", exit: { ...state.exit, exitCode, error } }
      : { status: "created", failure: { exitCode, error } },
  };
  parts.registry.put(failed);
  // clients that attached for this start see it end
  const { attaching } = parts.lives.of(record.id);
  for (const pending of attaching) pending.connect(undefined);
  attaching.clear();
  return failed;
}

/**
 * Docker's codes: 126 and 127 for a command that cannot be run or is not there; for all else that of the last
 * run, or 128 where that was 0.
 */
function exitCodeOf(thrown: unknown, lastCode: number): number {
  const isRuntimes =
    thrown instanceof CommandNotFoundError || thrown instanceof CommandNotInvocableError;
  return isRuntimes ? thrown.exitCode : lastCode || START_FAILED;
}
