import { lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { holdInRoot } from "./hold-in-root.ts";
import type { ContainerParts } from "#containers/parts.ts";

/*
 * Mounts that the engine makes itself before the runtime gets them, each at a place of its own:
 *
 * - Part of a volume or image (`volume-subpath`). Other containers may be writing to the volume, and the runtime
 *   mounts by path some milliseconds after the path was looked at: time enough to put a link to the host's
 *   files there. So the engine binds what it holds.
 * - What is to have other owners in the container than on disk (`idmap`, volumes of remapped containers): not
 *   every runtime can do that.
 * - A folder without what is mounted below it: crun 1.8 brings that along even when it is told not to.
 *
 * The place is the source that the runtime is given, and goes once the container has its copy of the mount.
 */

type OwnMountParts = Pick<ContainerParts, "mounts" | "settings">;

export interface OwnMount {
  /** One of the record's. */
  readonly mount: ContainerMount;
  /** Where the content is: of a volume, an image or a bind. */
  readonly path: string;
  /** The user namespace that maps the owners; as on disk when absent. */
  readonly userNamespacePath?: string;
}

/**
 * @returns The source of the mount for the runtime: valid until `unbindOwnMounts`.
 * @throws {FailedPreconditionError} There is no such part. {UnsupportedError} Owners cannot be mapped there.
 */
export function bindOwnMount(
  parts: OwnMountParts,
  record: ContainerRecord,
  { mount, path, userNamespacePath }: OwnMount,
): string {
  const { subpath = "" } = mount;
  using held = holdInRoot(path, subpath);
  if (!held) {
    throw new FailedPreconditionError(
      `cannot access path ${join(path, subpath)}: no such file or directory`,
    );
  }
  const target = targetOf(parts, record, mount);
  removeTarget(parts, target); // of a start that a crash cut off
  if (held.stats.isDirectory()) mkdirSync(target, { mode: 0o700 });
  else writeFileSync(target, "", { mode: 0o600 });
  const recursive = mount.kind === "bind" && mount.recursive !== false;
  const bind = { source: held.handle, target, recursive };
  if (userNamespacePath === undefined) parts.mounts.bind(bind);
  else parts.mounts.bindMapped({ ...bind, userNamespacePath });
  return target;
}

/** Idempotent. @throws What keeps a place mounted: what is below it are the volume's files. */
export function unbindOwnMounts(parts: OwnMountParts, record: ContainerRecord): void {
  for (const mount of record.mounts) removeTarget(parts, targetOf(parts, record, mount));
}

/** `unbindOwnMounts` when disposed; a failure is reported, and tried again when the container stops. */
export function unbindingOwnMounts(
  parts: OwnMountParts & Pick<ContainerParts, "warn">,
  record: ContainerRecord,
): Disposable {
  return {
    [Symbol.dispose]: () => {
      try {
        unbindOwnMounts(parts, record);
      } catch (error) {
        parts.warn(`Cannot unmount what container ${record.id} was given: ${messageOf(error)}`);
      }
    },
  };
}

function targetOf(
  parts: Pick<OwnMountParts, "settings">,
  record: ContainerRecord,
  mount: ContainerMount,
): string {
  return join(parts.settings.directory, record.id, `mount-${record.mounts.indexOf(mount)}`);
}

function removeTarget(parts: Pick<OwnMountParts, "mounts">, target: string): void {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (!found) return;
  parts.mounts.unmount(target, { lazy: true });
  // what the mount hid
  if (lstatSync(target).isDirectory()) rmdirSync(target);
  else unlinkSync(target);
}
