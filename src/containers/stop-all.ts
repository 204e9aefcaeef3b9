import { messageOf, NotModifiedError } from "#base/errors.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ContainerParts } from "./parts.ts";
import { endRun, type StopParts } from "./stop.ts";
import { isUp } from "./transitions.ts";

/**
 * For the engine's end. That the user did not ask for it stays on record: the policies bring the containers
 * back with the next engine.
 */
export async function stopAllContainers(
  parts: StopParts & Pick<ContainerParts, "background" | "warn">,
  timeoutMs: number,
): Promise<void> {
  const limitSeconds = timeoutMs / 1000;
  const stop = async (id: ContainerId): Promise<void> => {
    // a start that is under way comes to its end first; none begins any more
    await parts.lives.of(id).lane.run(async () => undefined);
    const record = parts.registry.find(id);
    if (!record || !isUp(record.state)) return;
    const own = record.config.StopTimeout ?? parts.settings.stopTimeoutSeconds();
    const timeoutSeconds = own < 0 ? limitSeconds : Math.min(own, limitSeconds);
    try {
      await endRun(parts, id, id, { timeoutSeconds });
    } catch (error) {
      if (error instanceof NotModifiedError) return;
      parts.warn(`Cannot stop container ${id}: ${messageOf(error)}`);
    }
  };
  await Promise.all(parts.registry.all().map(({ id }) => stop(id)));
  await parts.background.settled();
}
