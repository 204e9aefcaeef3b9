import { statSync } from "node:fs";
import { NotFoundError } from "#base/errors.ts";

/** A folder that a client beside the engine means. */
export interface SeenFolder {
  readonly path: string;
  /** `<device>:<inode>` as the client sees it: proof that both see the same. */
  readonly identity: string;
}

/** Whether the path is the same folder here. */
export function isSeen({ path, identity }: SeenFolder): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && `${found.dev}:${found.ino}` === identity;
}

/** @throws {NotFoundError} The path is another folder here, or none. */
export function checkSeen(folder: SeenFolder): void {
  if (isSeen(folder)) return;
  const { path } = folder;
  throw new NotFoundError(`Cannot build in ${path}: the engine does not see the client's folder`);
}
