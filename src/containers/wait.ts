import type { WaitCondition, WaitResult } from "./containers.ts";
import type { ContainerParts } from "./parts.ts";
import { isUp, waitResultOf } from "./transitions.ts";

/** The registration is in force when the call returns: nothing is awaited before it. */
export async function waitForContainer(
  parts: Pick<ContainerParts, "registry" | "lives">,
  reference: string,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<WaitResult> {
  const { id, state } = parts.registry.resolve(reference);
  const { waiters } = parts.lives.of(id);
  switch (condition) {
    case "not-running":
      return isUp(state) ? await waiters.add("exit", signal) : waitResultOf(state);
    case "next-exit":
      return await waiters.add("exit", signal);
    case "removed":
      return await waiters.add("removed", signal);
  }
}
