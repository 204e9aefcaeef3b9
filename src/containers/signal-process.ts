import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";

const SIGKILL = 9;

/**
 * Sends a signal and publishes it; a paused process is resumed so that it receives it. Only in the lane.
 *
 * @returns The record as it is afterwards.
 */
export async function signalProcess(
  parts: Pick<ContainerParts, "runtime" | "events" | "registry">,
  record: ContainerRecord,
  signal: number,
): Promise<ContainerRecord> {
  parts.runtime.kill(record.id, signal);
  parts.events.publish(record, "kill", { signal: String(signal) });
  if (record.state.status !== "running" || !record.state.paused) return record;
  await parts.runtime.resume(record.id);
  const resumed: ContainerRecord = { ...record, state: { ...record.state, paused: false } };
  parts.registry.put(resumed);
  // a killed process only dies: nobody sees it run again
  if (signal !== SIGKILL) parts.events.publish(resumed, "unpause");
  return resumed;
}
