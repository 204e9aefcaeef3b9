import { diskFaultOf } from "#base/disk-fault.ts";
import {
  FailedPreconditionError,
  InvalidArgumentError,
  invariant,
  UnavailableError,
  messageOf,
} from "#base/errors.ts";
import { parseSignal } from "#spec/engine-api/signals.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ContainerRecord } from "./container.ts";
import type { Live, LiveProcess } from "./live.ts";
import type { ContainerParts } from "./parts.ts";
import { signalProcess } from "./signal-process.ts";
import { assertAllowed, isUp, waitResultOf } from "./transitions.ts";

export interface StopOptions {
  readonly timeoutSeconds?: number;
  readonly signal?: string;
}

/** Who ends a run. After the user no restart policy brings the container back; after the engine it may. */
export interface RunEnder {
  readonly isByEngine?: true;
}

export type StopParts = Pick<
  ContainerParts,
  "clock" | "events" | "health" | "isEnding" | "lives" | "registry" | "runtime" | "settings"
>;

const SIGTERM = 15;
const SIGKILL = 9;
/** A process in an uninterruptible wait survives SIGKILL for as long as its device hangs. */
const AFTER_KILL_MS = 20_000;

export async function stopContainer(
  parts: StopParts,
  reference: string,
  options: StopOptions,
): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  try {
    await endRun(parts, id, reference, options);
  } catch (error) {
    if (error instanceof InvalidArgumentError) {
      error.message = `cannot stop container: ${reference}: ${error.message}`;
    }
    throw error;
  }
  const after = parts.registry.find(id);
  if (after) parts.events.publish(after, "stop");
}

/**
 * Signal, grace, SIGKILL, until the exit is recorded. The lane is left between the steps, so that kill,
 * inspect and a second stop are not held up by the grace.
 *
 * @throws {NotModifiedError} It does not run.
 */
export async function endRun(
  parts: StopParts,
  id: ContainerId,
  reference: string,
  options: StopOptions & RunEnder,
): Promise<void> {
  const live = parts.lives.of(id);
  const process = await live.lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed("stop", record, reference);
    const signal = parseSignal(options.signal || record.config.StopSignal || String(SIGTERM));
    if (options.isByEngine && record.state.status !== "running") return undefined;
    const held = options.isByEngine ? record : holdBackRestart(parts, record);
    parts.health.suspend(id);
    if (held.state.status === "restarting") {
      cancelRestart(parts, live, held);
      return undefined;
    }
    await signalProcess(parts, held, signal);
    return live.process;
  });
  if (!process) return;
  const graceSeconds =
    options.timeoutSeconds ??
    parts.registry.find(id)?.config.StopTimeout ??
    parts.settings.stopTimeoutSeconds();
  if (await hasEnded(parts, process, graceSeconds * 1000)) return;
  await killRun(parts, id, process, options);
}

/**
 * SIGKILL to the run that `process` belongs to, and to no later one.
 *
 * @throws {FailedPreconditionError} It does not die, or its end cannot be written down.
 */
export async function killRun(
  parts: StopParts,
  id: ContainerId,
  process: LiveProcess,
  ender: RunEnder = {},
): Promise<void> {
  const live = parts.lives.of(id);
  await live.lane.run(async () => {
    const record = parts.registry.find(id);
    if (!record || live.process !== process) return;
    const held = ender.isByEngine ? record : holdBackRestart(parts, record);
    parts.health.suspend(id);
    await signalProcess(parts, held, SIGKILL);
  });
  const isOver = await hasEnded(parts, process, AFTER_KILL_MS);
  if (isOver && live.process !== process) return;
  if (isOver) {
    throw new UnavailableError(`Cannot stop container ${id}: the engine is ending`);
  }
  throw new FailedPreconditionError(
    `Cannot stop container ${id}: process ${process.identity.pid} lives on after SIGKILL`,
  );
}

/**
 * @param limitMs Negative for no limit.
 * @throws {FailedPreconditionError} Its end cannot be written down.
 */
async function hasEnded(
  parts: Pick<ContainerParts, "clock">,
  process: LiveProcess,
  limitMs: number,
): Promise<boolean> {
  const ended = Promise.race([
    process.ended.then(() => true),
    process.unrecorded.then((cause) => {
      throw new FailedPreconditionError(
        `Cannot record that process ${process.identity.pid} has ended: ${messageOf(cause)}`,
        { cause },
      );
    }),
  ]);
  if (limitMs < 0) return await ended;
  const giveUp = new AbortController();
  const timer = parts.clock.delay(limitMs, giveUp.signal).then(
    () => false,
    () => true,
  );
  try {
    return await Promise.race([ended, timer]);
  } finally {
    giveUp.abort();
  }
}

/** Records that the user ended it, so that no policy brings it back, now or after a crash. */
export function holdBackRestart(
  parts: Pick<ContainerParts, "registry" | "isEnding">,
  record: ContainerRecord,
): ContainerRecord {
  if (record.stoppedByUser || parts.isEnding()) return record;
  const held = { ...record, stoppedByUser: true };
  try {
    parts.registry.put(held);
  } catch (error) {
    // Where no policy could bring it back, a broken disk is no reason to leave it running.
    const { Name } = record.hostConfig.RestartPolicy;
    if (diskFaultOf(error) === undefined || Name !== "no") throw error;
    return record;
  }
  return held;
}

/** Ends the wait for a restart: the container is exited with the exit that it had. Only in the lane. */
export function cancelRestart(
  parts: Pick<ContainerParts, "registry">,
  live: Live,
  record: ContainerRecord,
): void {
  if (record.state.status !== "restarting") return;
  live.pendingRestart?.abort();
  live.pendingRestart = undefined;
  const exited: ContainerRecord = {
    ...record,
    state: { status: "exited", exit: record.state.exit },
  };
  parts.registry.put(exited);
  live.waiters.settleExit(waitResultOf(exited.state));
}

/** Ends whatever runs at once, as often as a policy or another client starts it again meanwhile. */
export async function killUntilDown(parts: StopParts, id: ContainerId): Promise<void> {
  for (;;) {
    const record = parts.registry.find(id);
    if (!record || !isUp(record.state)) return;
    const live = parts.lives.of(id);
    if (record.state.status === "running") {
      invariant(live.process, `container ${id} runs and nobody follows its process`);
      await killRun(parts, id, live.process);
      continue;
    }
    await live.lane.run(async () => {
      const now = parts.registry.find(id);
      if (now) cancelRestart(parts, live, holdBackRestart(parts, now));
    });
  }
}
