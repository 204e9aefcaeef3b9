import type { ContainerParts } from "./parts.ts";
import { statusWord } from "./transitions.ts";

/** As `docker info` counts: what restarts runs, and all that neither runs nor is paused is stopped. */
export function countContainers(parts: Pick<ContainerParts, "registry">): {
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
} {
  const counts = { running: 0, paused: 0, stopped: 0 };
  for (const { state } of parts.registry.visible()) {
    const word = statusWord(state);
    if (word === "paused") counts.paused++;
    else if (word === "running" || word === "restarting") counts.running++;
    else counts.stopped++;
  }
  return counts;
}
