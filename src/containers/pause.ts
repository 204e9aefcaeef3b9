import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";
import { assertAllowed } from "./transitions.ts";

type PauseParts = Pick<ContainerParts, "events" | "lives" | "registry" | "runtime">;

export async function pauseContainer(parts: PauseParts, reference: string): Promise<void> {
  await setPaused(parts, reference, true);
}

export async function unpauseContainer(parts: PauseParts, reference: string): Promise<void> {
  await setPaused(parts, reference, false);
}

async function setPaused(parts: PauseParts, reference: string, paused: boolean): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed(paused ? "pause" : "unpause", record, reference);
    if (paused) await parts.runtime.pause(id);
    else await parts.runtime.resume(id);
    if (record.state.status !== "running") return;
    const after: ContainerRecord = { ...record, state: { ...record.state, paused } };
    parts.registry.put(after);
    parts.events.publish(after, paused ? "pause" : "unpause");
  });
}
