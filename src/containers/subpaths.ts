import { lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { ContainerMount, ContainerRecord } from "./container.ts";
import { holdInRoot } from "./hold-in-root.ts";
import type { ContainerParts } from "./parts.ts";

/*
 * A part of a volume that is to be mounted alone (`volume-subpath`). Other containers may be writing to the
 * volume, and the runtime mounts by path some milliseconds after the path was looked at: time enough to put a
 * link to the host's files there. So the engine binds what it holds to a place of its own, which is what the
 * runtime is given, and takes that away once the container has its copy of the mount.
 */

type SubpathParts = Pick<ContainerParts, "mounts" | "settings">;

/**
 * @param mount One of the record's.
 * @param volumePath Where the volume's content is.
 * @returns The source of the mount for the runtime: valid until `unbindSubpaths`.
 * @throws {FailedPreconditionError} The volume has no such part.
 */
export function bindSubpath(
  parts: SubpathParts,
  record: ContainerRecord,
  mount: ContainerMount,
  volumePath: string,
): string {
  const { subpath = "" } = mount;
  using held = holdInRoot(volumePath, subpath);
  if (!held) {
    throw new FailedPreconditionError(
      `cannot access path ${join(volumePath, subpath)}: no such file or directory`,
    );
  }
  const target = bindTarget(parts, record, mount);
  removeTarget(parts, target); // of a start that a crash cut off
  if (held.stats.isDirectory()) mkdirSync(target, { mode: 0o700 });
  else writeFileSync(target, "", { mode: 0o600 });
  parts.mounts.bind({ source: held.handle, target });
  return target;
}

/** Idempotent. @throws What keeps a place mounted: what is below it are the volume's files. */
export function unbindSubpaths(parts: SubpathParts, record: ContainerRecord): void {
  for (const mount of record.mounts) {
    if (mount.subpath !== undefined) removeTarget(parts, bindTarget(parts, record, mount));
  }
}

/** `unbindSubpaths` when disposed; a failure is reported, and tried again when the container stops. */
export function unbindingSubpaths(
  parts: SubpathParts & Pick<ContainerParts, "warn">,
  record: ContainerRecord,
): Disposable {
  return {
    [Symbol.dispose]: () => {
      try {
        unbindSubpaths(parts, record);
      } catch (error) {
        parts.warn(`Cannot unmount the subpaths of container ${record.id}: ${messageOf(error)}`);
      }
    },
  };
}

function bindTarget(
  parts: Pick<SubpathParts, "settings">,
  record: ContainerRecord,
  mount: ContainerMount,
): string {
  return join(parts.settings.directory, record.id, `subpath-${record.mounts.indexOf(mount)}`);
}

function removeTarget(parts: Pick<SubpathParts, "mounts">, target: string): void {
  parts.mounts.unmount(target, { lazy: true });
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found?.isDirectory()) rmdirSync(target);
  else if (found) unlinkSync(target);
}
