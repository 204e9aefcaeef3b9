import { realpathSync } from "node:fs";
import { FailedPreconditionError } from "#base/errors.ts";
import type { MountInfo } from "#host/mounts.ts";

/**
 * Mounts can only pass between the host and a container where the host's own mount lets them.
 *
 * @param path The bind's source without links.
 * @throws {FailedPreconditionError} Docker's "path … is mounted on … but it is not a shared mount".
 */
export function checkPropagation(
  source: string,
  path: string,
  propagation: string,
  mounts: readonly MountInfo[],
): void {
  const wantsShared = propagation.endsWith("shared");
  if (!wantsShared && !propagation.endsWith("slave")) return;
  const mount = mountOf(path, mounts);
  if (mount?.isShared || (!wantsShared && mount?.isSlave)) return;
  throw new FailedPreconditionError(
    `path ${source} is mounted on ${mount?.target ?? "/"} but it is not a ${wantsShared ? "shared" : "shared or slave"} mount`,
  );
}

/** The topmost mount that `path` lies in. */
function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  const holds = (target: string): boolean =>
    target === "/" || path === target || path.startsWith(`${target}/`);
  return mounts
    .filter(({ target }) => holds(target))
    .reduce<MountInfo | undefined>(
      (deepest, mount) =>
        deepest === undefined || mount.target.length >= deepest.target.length ? mount : deepest,
      undefined,
    );
}

/** @throws {FailedPreconditionError} There is nothing at `source`. */
export function realSource(source: string): string {
  try {
    return realpathSync(source);
  } catch (cause) {
    throw new FailedPreconditionError(
      `error while mounting '${source}': no such file or directory`,
      { cause },
    );
  }
}
