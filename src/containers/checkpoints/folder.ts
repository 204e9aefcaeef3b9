import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerSettings } from "#containers/parts.ts";
import type { CheckpointChoice } from "#spec/engine-api/checkpoint.ts";

/** Its presence makes a folder a checkpoint: it is written last. */
const DESCRIPTION = "config.json";

type FolderParts = { readonly settings: Pick<ContainerSettings, "directory"> };

/** Where the checkpoints of a container are, each in a folder of its name. */
export function checkpointsFolder(
  { settings }: FolderParts,
  record: Pick<ContainerRecord, "id">,
  directory: string | undefined,
): string {
  return directory ?? join(settings.directory, record.id, "checkpoints");
}

/** @throws {NotFoundError} In Docker's words. */
export function checkpointPath(
  parts: FolderParts,
  record: Pick<ContainerRecord, "id">,
  choice: CheckpointChoice,
  reference: string,
): string {
  const path = join(checkpointsFolder(parts, record, choice.directory), choice.name);
  if (!isCheckpoint(path)) {
    throw new NotFoundError(`checkpoint ${choice.name} does not exist for container ${reference}`);
  }
  return path;
}

/**
 * A new, empty folder. What a checkpoint that was cut off left there goes.
 *
 * @throws {ConflictError} In Docker's words: there is such a checkpoint. Something else has the name.
 */
export function makeCheckpointFolder(
  parts: FolderParts,
  record: Pick<ContainerRecord, "id">,
  choice: CheckpointChoice,
  reference: string,
): string {
  const folder = checkpointsFolder(parts, record, choice.directory);
  const path = join(folder, choice.name);
  if (isCheckpoint(path)) {
    throw new ConflictError(
      `cannot checkpoint container ${reference}: checkpoint with name ${choice.name} already exists for container ${reference}`,
    );
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats && choice.directory !== undefined) {
    throw new ConflictError(
      `cannot checkpoint container ${reference}: ${path} exists and is no checkpoint`,
    );
  }
  if (stats) rmSync(path, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(path, { mode: 0o700 });
  return path;
}

export function describeCheckpoint(
  path: string,
  description: { readonly name: string; readonly created: string; readonly exit: boolean },
): void {
  writeFileSync(join(path, DESCRIPTION), JSON.stringify(description), { mode: 0o600 });
}

/** Names, in the order of the alphabet. */
export function readCheckpoints(folder: string): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return names.filter((name) => isCheckpoint(join(folder, name))).toSorted();
}

function isCheckpoint(path: string): boolean {
  try {
    const text = readFileSync(join(path, DESCRIPTION), "utf8");
    const description: unknown = JSON.parse(text);
    return typeof description === "object" && description !== null && "exit" in description;
  } catch {
    return false; // none, or of something else
  }
}
