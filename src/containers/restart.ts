import { NotModifiedError, WharfError } from "#base/errors.ts";
import type { ContainerParts } from "./parts.ts";
import { startContainer, type StartParts } from "./start.ts";
import { endRun, type StopOptions, type StopParts } from "./stop.ts";
import { isUp } from "./transitions.ts";

export async function restartContainer(
  parts: StopParts & StartParts & Pick<ContainerParts, "events">,
  reference: string,
  options: StopOptions,
): Promise<void> {
  const { id, state } = parts.registry.resolve(reference);
  const live = parts.lives.of(id);
  // an `--rm` container must not be taken for ended in between
  live.restartsUnderWay++;
  try {
    if (isUp(state)) {
      await unlessStopped(endRun(parts, id, reference, options));
      const stopped = parts.registry.find(id);
      if (stopped) parts.events.publish(stopped, "stop");
    }
    await startContainer(parts, id, AbortSignal.any([]));
    const record = parts.registry.find(id);
    if (record) parts.events.publish(record, "restart");
  } catch (error) {
    // another client started it in between
    if (error instanceof NotModifiedError) return;
    if (error instanceof WharfError) {
      error.message = `Cannot restart container ${reference}: ${error.message}`;
    }
    throw error;
  } finally {
    live.restartsUnderWay--;
  }
}

async function unlessStopped(stopping: Promise<void>): Promise<void> {
  try {
    await stopping;
  } catch (error) {
    if (!(error instanceof NotModifiedError)) throw error;
  }
}
