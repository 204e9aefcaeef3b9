import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";
import { withoutIntent } from "./files/commit.ts";
import { assertAllowed } from "./transitions.ts";

type PauseParts = Pick<ContainerParts, "events" | "health" | "lives" | "registry" | "runtime">;

export async function pauseContainer(parts: PauseParts, reference: string): Promise<void> {
  await setPaused(parts, reference, true);
}

export async function unpauseContainer(parts: PauseParts, reference: string): Promise<void> {
  await setPaused(parts, reference, false);
}

/** A check must not be frozen half-way: it would be said to take too long. */
async function switchRuntime(
  parts: PauseParts,
  record: ContainerRecord,
  paused: boolean,
): Promise<void> {
  if (!paused) {
    await parts.runtime.resume(record.id);
    return;
  }
  parts.health.suspend(record.id);
  try {
    await parts.runtime.pause(record.id);
  } catch (error) {
    parts.health.resume(record);
    throw error;
  }
}

async function setPaused(parts: PauseParts, reference: string, paused: boolean): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed(paused ? "pause" : "unpause", record, reference);
    await switchRuntime(parts, record, paused);
    if (record.state.status !== "running") return;
    const after: ContainerRecord = {
      // what a commit paused and the user resumes is the user's from then on
      ...(record.intent === "commit" ? withoutIntent(record) : record),
      state: { ...record.state, paused },
    };
    parts.registry.put(after);
    parts.events.publish(after, paused ? "pause" : "unpause");
    if (paused) parts.health.cease(id);
    else parts.health.resume(after);
  });
}
