import { messageOf } from "#base/errors.ts";
import type { ExecDetails } from "#containers/containers.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { ExecId } from "#spec/ids.ts";
import type { StoredExec } from "./execs.ts";
import { recordExecEnd, watchExec } from "./start.ts";

type ReconcileExecParts = Pick<
  ContainerParts,
  "background" | "events" | "execs" | "registry" | "runtime" | "warn"
>;

const SIGKILL = 9;

/** Takes over the execs that an earlier engine started, alive or ended meanwhile. */
export async function reconcileExecs(
  parts: ReconcileExecParts,
  live: ReadonlySet<string>,
): Promise<void> {
  const kept = new Set(parts.runtime.list());
  for (const [id, stored] of parts.execs.unfinished()) {
    try {
      const isWanted = live.has(stored.containerId) && !stored.isProbe;
      if (isWanted && kept.has(id)) await takeOver(parts, id, stored);
      else await forget(parts, id, kept.has(id));
    } catch (error) {
      parts.warn(`Cannot put exec ${id} in order: ${messageOf(error)}`);
    }
  }
}

async function takeOver(parts: ReconcileExecParts, id: ExecId, stored: StoredExec): Promise<void> {
  const found = await parts.runtime.adopt(id);
  const details: ExecDetails = { id, ...stored, status: "running", pid: 0 };
  switch (found.status) {
    case "running": {
      const running = { ...details, pid: found.process.pid };
      parts.execs.put(running);
      void watchExec(parts, running, found);
      return;
    }
    case "exited":
      parts.execs.put(details);
      recordExecEnd(parts, details, found.exit);
      return;
    case "created":
    case "lost":
      await forget(parts, id, true);
      return;
  }
}

async function forget(parts: ReconcileExecParts, id: ExecId, isKept: boolean): Promise<void> {
  if (isKept) {
    parts.runtime.killGroup(id, SIGKILL);
    await parts.runtime.delete(id, { force: true });
  }
  parts.execs.recordEnd(id);
}
