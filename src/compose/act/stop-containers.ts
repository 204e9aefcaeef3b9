import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import type { Service } from "#compose/model/project.ts";
import type { ActParts } from "./act-parts.ts";
import { graceSeconds } from "./grace.ts";
import { runHooks } from "./hooks.ts";

/** Stops one that runs; one that is gone meanwhile is stopped, too. */
async function stopContainer(
  { id, name, state }: ObservedContainer,
  timeoutSeconds: number | undefined,
  { engine, onProgress }: ActParts,
  options: { readonly isQuiet?: boolean },
): Promise<void> {
  if (state === "exited" || state === "created" || state === "dead") return;
  if (!options.isQuiet) onProgress({ kind: "Container", name, status: "Stopping" });
  try {
    await engine.send("POST", `/containers/${id}/stop`, {
      query: timeoutSeconds === undefined ? {} : { t: timeoutSeconds },
    });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  if (!options.isQuiet) onProgress({ kind: "Container", name, status: "Stopped" });
}

/** As its service says: hooks first, then its time to end. */
export async function stopOf(
  service: Service | undefined,
  container: ObservedContainer,
  askedSeconds: number | undefined,
  parts: ActParts,
  options: { readonly isQuiet?: boolean } = {},
): Promise<void> {
  if (container.state === "running") await runHooks(service?.pre_stop ?? [], container.id, parts);
  await stopContainer(container, graceSeconds(service, askedSeconds), parts, options);
}

export async function removeContainer(
  { id, name }: Pick<ObservedContainer, "id" | "name">,
  options: { readonly withVolumes: boolean; readonly isQuiet?: boolean },
  { engine, onProgress }: ActParts,
): Promise<void> {
  if (!options.isQuiet) onProgress({ kind: "Container", name, status: "Removing" });
  try {
    await engine.send("DELETE", `/containers/${id}`, {
      query: { force: true, v: options.withVolumes },
    });
  } catch (error) {
    // somebody else removes it or has removed it
    if (!(error instanceof NotFoundError) && !(error instanceof ConflictError)) throw error;
  }
  if (!options.isQuiet) onProgress({ kind: "Container", name, status: "Removed" });
}
