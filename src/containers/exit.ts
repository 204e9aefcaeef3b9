import { messageOf } from "#base/errors.ts";
import type { ProcessExit, RunningProcess } from "#runtime/runtime.ts";
import type { ContainerId } from "#spec/ids.ts";
import { cleanUpRun } from "./clean-up.ts";
import type { ContainerExit, ContainerRecord } from "./container.ts";
import type { Live } from "./live.ts";
import { loggedContainer } from "./logs.ts";
import type { ContainerParts } from "./parts.ts";
import { announceRemoved, beginRemoval, removeOwnVolumes, takeAway } from "./removal.ts";
import { planRestart } from "./restart-policy.ts";
import { waitResultOf } from "./transitions.ts";

export type ExitParts = Pick<
  ContainerParts,
  | "background"
  | "clock"
  | "events"
  | "execs"
  | "health"
  | "images"
  | "isEnding"
  | "lives"
  | "logs"
  | "mounts"
  | "networks"
  | "registry"
  | "runtime"
  | "settings"
  | "snapshotter"
  | "startAgain"
  | "volumes"
  | "warn"
>;

const NANOS_PER_MS = 1_000_000n;
const RECORD_RETRY_MS = 1000;

/** Follows a process that runs (or is about to) to its end; its exit is handled in the container's lane. */
export function watchProcess(parts: ExitParts, id: ContainerId, process: RunningProcess): void {
  const { promise: unrecorded, resolve: onFailure } = Promise.withResolvers<unknown>();
  const ended = process.exited
    .then((exit) => recordUntilWritten(parts, { id, process, exit, onFailure }))
    .catch((error: unknown) => {
      parts.warn(`Cannot follow the process of container ${id}: ${messageOf(error)}`);
    });
  parts.lives.of(id).process = { identity: process.process, ended, unrecorded };
}

/** With a full disk the exit cannot be written down: it is tried again until it can, or the engine ends. */
async function recordUntilWritten(
  parts: ExitParts,
  end: {
    readonly id: ContainerId;
    readonly process: RunningProcess;
    readonly exit: ProcessExit;
    readonly onFailure: (error: unknown) => void;
  },
): Promise<void> {
  const { id, process, exit } = end;
  const { lane } = parts.lives.of(id);
  const { signal } = parts.background;
  let warned = "";
  while (!signal.aborted) {
    try {
      await lane.run(() => handleExit(parts, id, process, exit));
      return;
    } catch (error) {
      end.onFailure(error);
      const message = messageOf(error);
      if (message !== warned) {
        parts.warn(`Cannot record the exit of container ${id}, trying on: ${message}`);
      }
      warned = message;
    }
    await parts.clock.delay(RECORD_RETRY_MS, signal).catch(() => undefined);
  }
}

/** Only in the lane. What the client need not wait for happens behind, after the record is written. */
export async function handleExit(
  parts: ExitParts,
  id: ContainerId,
  process: Pick<RunningProcess, "process">,
  exit: ProcessExit,
): Promise<void> {
  const record = parts.registry.find(id);
  // a later run, or a removal that came first
  if (record?.state.status !== "running" || parts.background.signal.aborted) return;
  if (!isSameProcess(record.state.process, process.process)) return;
  const live = parts.lives.of(id);
  parts.health.cease(id);
  const ended = exitOf(record.state.startedNanos, exit);
  const ranMs = Number((ended.finishedNanos - ended.startedNanos) / NANOS_PER_MS);
  const endpoints = parts.networks.sandboxOf(id)?.endpoints ?? [];
  const announce = (after: ContainerRecord): void => {
    for (const endpoint of endpoints) parts.events.networkDisconnected(after, endpoint);
    for (const mount of after.mounts) {
      if (mount.kind === "volume") parts.events.volumeUnmounted(after, mount);
    }
    parts.events.publish(after, "die", {
      exitCode: String(ended.exitCode),
      execDuration: String(Math.floor(ranMs / 1000)),
    });
  };
  if (ended.oomKilled) parts.events.publish(record, "oom");
  if (record.hostConfig.AutoRemove && live.restartsUnderWay === 0) {
    await removeAfterExit(parts, record, ended, announce);
    return;
  }
  const after = recordExit(parts, live, record, ended, ranMs);
  live.process = undefined;
  await freeClaims(parts, record);
  announce(after);
  live.waiters.settleExit(waitResultOf(after.state));
  live.cleaning = parts.background.run(`Cannot clean up container ${id}`, async () => {
    await Promise.all([cleanUpRun(parts, after), parts.logs.end(loggedContainer(parts, after))]);
  });
  if (after.state.status === "restarting") scheduleRestart(parts, id, live);
}

function isSameProcess(
  left: { readonly pid: number; readonly startTicks: number },
  right: { readonly pid: number; readonly startTicks: number },
): boolean {
  return left.pid === right.pid && left.startTicks === right.startTicks;
}

export function exitOf(startedNanos: bigint, exit: ProcessExit): ContainerExit {
  const finishedNanos = BigInt(Math.trunc(exit.finishedMs)) * NANOS_PER_MS;
  return {
    exitCode: exit.exitCode,
    oomKilled: exit.oomKilled,
    startedNanos,
    // exit files count whole milliseconds: a short run would end before it began
    finishedNanos: finishedNanos > startedNanos ? finishedNanos : startedNanos,
  };
}

function recordExit(
  parts: ExitParts,
  live: Live,
  record: ContainerRecord,
  exit: ContainerExit,
  ranMs: number,
): ContainerRecord {
  const decision = planRestart({
    policy: record.hostConfig.RestartPolicy,
    exitCode: exit.exitCode,
    ranMs,
    restartCount: record.restartCount,
    lastDelayMs: live.lastDelayMs,
    isForHealth: live.restartsForHealth,
    isHeldBack: record.stoppedByUser || live.restartsUnderWay > 0 || parts.isEnding(),
  });
  const after: ContainerRecord = decision.restart
    ? {
        ...record,
        restartCount: record.restartCount + 1,
        state: {
          status: "restarting",
          exit,
          nextStartMs: parts.clock.nowMs() + decision.delayMs,
        },
      }
    : { ...record, state: { status: "exited", exit } };
  if (decision.restart) live.lastDelayMs = decision.delayMs;
  parts.registry.put(after);
  return after;
}

/** Whoever is told of the end may take the same port or address at once: it is free before they are told. */
async function freeClaims(parts: ExitParts, record: ContainerRecord): Promise<void> {
  const ports = parts.networks.sandboxOf(record.id)?.ports ?? [];
  if (ports.length === 0 && !hasOwnAddress(record)) return;
  try {
    await parts.networks.closeSandbox(record.id);
  } catch (error) {
    parts.warn(`Cannot close the network sandbox of container ${record.id}: ${messageOf(error)}`);
  }
}

/** One that the user has chosen. */
function hasOwnAddress({ networkingConfig }: ContainerRecord): boolean {
  return Object.values(networkingConfig.EndpointsConfig).some(
    ({ IPAMConfig }) =>
      (IPAMConfig?.IPv4Address ?? "") !== "" || (IPAMConfig?.IPv6Address ?? "") !== "",
  );
}

function scheduleRestart(parts: ExitParts, id: ContainerId, live: Live): void {
  const cancel = new AbortController();
  live.pendingRestart = cancel;
  const signal = AbortSignal.any([cancel.signal, parts.background.signal]);
  void parts.background.run(`Cannot restart container ${id}`, async () => {
    try {
      await parts.clock.delay(live.lastDelayMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await parts.startAgain(id);
  });
}

/** `--rm`: recorded as being removed, answered as gone, cleaned away behind. */
async function removeAfterExit(
  parts: ExitParts,
  record: ContainerRecord,
  exit: ContainerExit,
  announce: (after: ContainerRecord) => void,
): Promise<void> {
  const live = parts.lives.of(record.id);
  const removing = beginRemoval(parts, record, { exit, removesVolumes: true });
  live.process = undefined;
  await freeClaims(parts, record);
  announce(removing);
  live.waiters.settleExit(waitResultOf(removing.state));
  await removeOwnVolumes(parts, removing);
  parts.registry.hide(record.id);
  announceRemoved(parts, removing);
  live.cleaning = parts.background.run(`Cannot remove container ${record.id}`, async () => {
    await takeAway(parts, removing);
    parts.lives.forget(record.id);
  });
}
