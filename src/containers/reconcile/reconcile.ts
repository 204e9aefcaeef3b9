import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Semaphore } from "#base/async.ts";
import { messageOf } from "#base/errors.ts";
import type { AdoptedProcess } from "#runtime/runtime.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import type { ContainerId } from "#spec/ids.ts";
import { cleanUpRun } from "#containers/clean-up.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { reconcileExecs } from "#containers/exec/reconcile.ts";
import { exitOf, watchProcess } from "#containers/exit.ts";
import { withoutIntent } from "#containers/files/commit.ts";
import { planReconcile, type ReconcileStep } from "./plan-reconcile.ts";
import { followLog, loggedContainer } from "#containers/logs.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { removeOwnVolumes, takeAway } from "#containers/removal.ts";
import { removeStopped } from "#containers/remove.ts";
import { restartsWithEngine } from "#containers/restart-policy.ts";
import { failWithEngine, type StartParts, startWithEngine } from "#containers/start.ts";
import { dependenciesOf, planStartOrder } from "./start-order.ts";
import { lastExit } from "#containers/transitions.ts";
import { unmountSharedMemory } from "#containers/mounts/shared-memory.ts";
import { containerOfSnapshot } from "#containers/mounts/image-mounts.ts";
import { unbindOwnMounts } from "#containers/mounts/own-mounts.ts";
import { settleLimits } from "#containers/update/limits.ts";

export type ReconcileParts = StartParts & Pick<ContainerParts, "background" | "cgroups">;

const LOST: AdoptedProcess = { status: "lost" };
/** Starting them all at once would only make each slower. */
const CONCURRENT_STARTS = 4;
const CONTAINER_ID = /^[0-9a-f]{64}$/;

/**
 * Brings records and world together, once, before the first request. First the living are found; then
 * networks and snapshots let go of the dead; then each container gets what its record lacks; what
 * belongs to none goes; at last the restart policies run.
 */
export async function reconcileContainers(parts: ReconcileParts): Promise<void> {
  const steps = await planAll(parts);
  const live = new Set<string>();
  for (const [record, step] of steps) if (step.kind === "take-over") live.add(record.id);
  await parts.networks.reconcile(live);
  await parts.snapshotter.reconcile((key) => live.has(key));
  const restarting = new Set<ContainerId>();
  for (const [record, step] of steps) {
    if (record.state.status === "restarting" && step.kind === "stop-waiting") {
      restarting.add(record.id);
    }
    try {
      await applyStep(parts, record, step);
    } catch (error) {
      parts.warn(`Cannot put container ${record.id} in order: ${messageOf(error)}`);
    }
  }
  await reconcileExecs(parts, live);
  await removeOrphans(parts);
  await runPolicies(parts, restarting);
}

async function planAll(
  parts: ReconcileParts,
): Promise<readonly (readonly [ContainerRecord, ReconcileStep])[]> {
  const kept = new Set(parts.runtime.list());
  return await Promise.all(
    parts.registry.all().map(async (record) => {
      const mayLive = record.bootId === parts.system.bootId && kept.has(record.id);
      const found = mayLive ? await adopt(parts, record.id) : LOST;
      return [record, planReconcile(record, found, parts.clock.nowMs())] as const;
    }),
  );
}

/** One container that cannot be read must not keep the engine from beginning. */
async function adopt(parts: ReconcileParts, id: ContainerId): Promise<AdoptedProcess> {
  try {
    return await parts.runtime.adopt(id);
  } catch (error) {
    parts.warn(`Cannot take over container ${id}, it counts as lost: ${messageOf(error)}`);
    return LOST;
  }
}

async function applyStep(
  parts: ReconcileParts,
  record: ContainerRecord,
  step: ReconcileStep,
): Promise<void> {
  switch (step.kind) {
    case "discard":
    case "finish-removal":
      // not to be seen while it goes; `dead` brings it back when it cannot
      parts.registry.hide(record.id);
      await removeOwnVolumes(parts, record);
      await takeAway(parts, record);
      return;
    case "take-over":
      await takeOver(parts, record, step);
      return;
    case "record-exit": {
      const exit = exitOf(step.startedNanos, step.exit);
      const after: ContainerRecord = { ...record, state: { status: "exited", exit } };
      if (record.hostConfig.AutoRemove) {
        await removeStopped(parts, after, true);
        return;
      }
      parts.registry.put(after);
      parts.health.cease(record.id);
      parts.events.publish(after, "die", {
        exitCode: String(exit.exitCode),
        execDuration: String((exit.finishedNanos - exit.startedNanos) / 1_000_000_000n),
      });
      await cleanUpRun(parts, after);
      endLog(parts, after);
      return;
    }
    case "stop-waiting":
      if (record.state.status === "restarting") {
        const { exit } = record.state;
        parts.registry.put({ ...record, state: { status: "exited", exit } });
      }
      await cleanLeftovers(parts, record);
      return;
    case "clean":
      await cleanLeftovers(parts, record);
      return;
  }
}

async function takeOver(
  parts: ReconcileParts,
  record: ContainerRecord,
  { found }: Extract<ReconcileStep, { kind: "take-over" }>,
): Promise<void> {
  const { state } = record;
  const { process, supervisor } = found;
  // a commit was cut off: nobody else would ever let it go on
  const isForCommit = record.intent === "commit";
  if (isForCommit && found.paused) await parts.runtime.resume(record.id);
  const paused = found.paused && !isForCommit;
  const isKnown =
    state.status === "running" &&
    !isForCommit &&
    state.paused === paused &&
    state.process.pid === process.pid &&
    state.process.startTicks === process.startTicks;
  if (!isKnown) {
    const startedNanos = state.status === "running" ? state.startedNanos : parts.clock.nowNanos();
    parts.registry.put({
      ...(isForCommit ? withoutIntent(record) : record),
      state: { status: "running", paused, process, supervisor, startedNanos },
      bootId: parts.system.bootId,
    });
  }
  for (const { kind, name } of record.mounts) {
    if (kind === "volume" && name !== undefined) await parts.volumes.mount(name, record.id);
  }
  followLog(parts, record);
  watchProcess(parts, record.id, found);
  await settleLimits(parts, parts.registry.find(record.id) ?? record);
  parts.health.takeOver(parts.registry.find(record.id) ?? record);
}

/** The container does not run: networks and root are gone already, what else a run has may be left. */
async function cleanLeftovers(parts: ReconcileParts, record: ContainerRecord): Promise<void> {
  if (parts.runtime.list().includes(record.id)) {
    await parts.runtime.delete(record.id, { force: true });
  }
  for (const { kind, name } of record.mounts) {
    if (kind === "volume" && name !== undefined) await parts.volumes.unmount(name, record.id);
  }
  unmountSharedMemory(parts, record);
  unbindOwnMounts(parts, record);
  endLog(parts, record);
}

/** What the last run left to be taken over, behind the first answers: it may be much. The next start waits. */
function endLog(parts: ReconcileParts, record: ContainerRecord): void {
  const log = loggedContainer(parts, record);
  parts.lives.of(record.id).cleaning = parts.background.run(
    `Cannot end the log of container ${record.id}`,
    () => parts.logs.end(log),
  );
}

/** What bears the mark of a container that no record knows: a create or a removal that was cut off. */
async function removeOrphans(parts: ReconcileParts): Promise<void> {
  const isKnown = (id: string): boolean => parts.registry.find(id as ContainerId) !== undefined;
  const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work();
    } catch (error) {
      parts.warn(`Cannot remove ${what} of no container: ${messageOf(error)}`);
    }
  };
  parts.health.keepOnly(isKnown);
  const execs = new Set<string>(parts.execs.unfinished().map(([id]) => id));
  for (const id of parts.runtime.list()) {
    if (isKnown(id) || execs.has(id)) continue;
    await attempt(`process ${id}`, () => parts.runtime.delete(id, { force: true }));
  }
  for (const { name, kind } of parts.snapshotter.list()) {
    const owner = containerOfSnapshot(name);
    if (kind !== "active" || owner === undefined || isKnown(owner)) continue;
    await attempt(`snapshot ${name}`, () => parts.snapshotter.remove(name));
  }
  for (const name of readDirectory(parts.settings.directory)) {
    if (!CONTAINER_ID.test(name) || isKnown(name)) continue;
    const directory = join(parts.settings.directory, name);
    await attempt(`folder ${name}`, async () => {
      parts.mounts.unmount(join(directory, "shm"), { lazy: true });
      await rm(directory, { recursive: true, force: true });
    });
  }
  for (const { name } of parts.volumes.list(NO_FILTERS)) {
    for (const user of parts.volumes.usersOf(name)) {
      if (isKnown(user)) continue;
      parts.volumes.dereference(name, user);
      await parts.volumes.unmount(name, user);
    }
  }
}

function readDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Each after those that it needs: their network, volumes or address. */
async function runPolicies(
  parts: ReconcileParts,
  restarting: ReadonlySet<ContainerId>,
): Promise<void> {
  const due = parts.registry.visible().filter((record) => {
    if (record.state.status !== "exited") return false;
    if (restarting.has(record.id)) return true;
    return restartsWithEngine({
      policy: record.hostConfig.RestartPolicy,
      exitCode: lastExit(record.state)?.exitCode ?? 0,
      restartCount: record.restartCount,
      stoppedByUser: record.stoppedByUser,
    });
  });
  const { steps, cycles } = planStartOrder(
    new Map(due.map((record) => [record.id, dependenciesOf(parts.registry, record)])),
  );
  // with a full disk not even a failure can be written down: the others are started all the same
  const attempt = async (id: ContainerId, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      parts.warn(`Cannot restart container ${id}: ${messageOf(error)}`);
    }
  };
  for (const ids of cycles) {
    for (const id of ids) await attempt(id, () => refuseCycle(parts, id, ids));
  }
  const permits = new Semaphore(CONCURRENT_STARTS);
  const starts = new Map<ContainerId, Promise<void>>();
  for (const { id, after } of steps) {
    // one that fails says so itself: what needs it is tried all the same, and says what it lacks
    const ready = Promise.all(after.flatMap((needed) => starts.get(needed) ?? []));
    starts.set(
      id,
      ready.then(() => attempt(id, () => permits.run(() => startWithEngine(parts, id)))),
    );
  }
  await Promise.all(starts.values());
}

async function refuseCycle(
  parts: ReconcileParts,
  id: ContainerId,
  cycle: readonly ContainerId[],
): Promise<void> {
  const names = cycle.map((other) => parts.registry.find(other)?.name ?? other);
  await failWithEngine(parts, id, `containers ${names.join(", ")} need each other to run`);
}
