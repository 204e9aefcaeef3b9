import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";
import { endRun, type StopParts } from "./stop.ts";
import { isUp } from "./transitions.ts";

const DEFAULT_GRACE_SECONDS = 10;

/**
 * For the engine's end. That the user did not ask for it stays on record: the policies bring the containers
 * back with the next engine.
 */
export async function stopAllContainers(
  parts: StopParts & Pick<ContainerParts, "background" | "warn">,
  timeoutMs: number,
): Promise<void> {
  const stop = async (record: ContainerRecord): Promise<void> => {
    const own = record.config.StopTimeout ?? DEFAULT_GRACE_SECONDS;
    const limit = timeoutMs / 1000;
    const timeoutSeconds = own < 0 ? limit : Math.min(own, limit);
    try {
      await endRun(parts, record.id, record.id, { timeoutSeconds });
    } catch (error) {
      parts.warn(`Cannot stop container ${record.id}: ${messageOf(error)}`);
    }
  };
  await Promise.all(
    parts.registry
      .all()
      .filter(({ state }) => isUp(state))
      .map(stop),
  );
  await parts.background.settled();
}
