import { rm } from "node:fs/promises";
import type { ContainerParts } from "#containers/parts.ts";
import type { CheckpointChoice } from "#spec/engine-api/checkpoint.ts";
import { checkpointPath, checkpointsFolder, readCheckpoints } from "./folder.ts";

type ListParts = Pick<ContainerParts, "registry" | "settings">;

/** @param directory Instead of the container's own folder. @returns Names. */
export function listCheckpoints(
  parts: ListParts,
  reference: string,
  directory: string | undefined,
): readonly string[] {
  const record = parts.registry.resolve(reference);
  return readCheckpoints(checkpointsFolder(parts, record, directory));
}

/** @throws {NotFoundError} */
export async function removeCheckpoint(
  parts: ListParts,
  reference: string,
  choice: CheckpointChoice,
): Promise<void> {
  const record = parts.registry.resolve(reference);
  await rm(checkpointPath(parts, record, choice, reference), { recursive: true, force: true });
}
