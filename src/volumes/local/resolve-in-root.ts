import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";

/** As many as the kernel follows before ELOOP. */
const MAX_LINKS = 40;

/** @returns Undefined also for what would be below a file. */
export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * The host's path of `pathInRoot`, every symbolic link on the way followed as a process chrooted to `root`
 * would: absolute targets and `..` end at `root`, never above. What is missing is taken as it stands.
 *
 * Safe only while nobody writes in `root`: of a container that does not run.
 *
 * @throws {InvalidArgumentError} Links in a circle.
 */
export function resolveInRoot(root: string, pathInRoot: string): string {
  const todo = pathInRoot.split("/").toReversed();
  let resolved: string[] = [];
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved.pop();
      continue;
    }
    const path = [root, ...resolved, name].join("/");
    if (!lstatIfThere(path)?.isSymbolicLink()) {
      resolved.push(name);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      throw new InvalidArgumentError(`Cannot resolve "${pathInRoot}": too many symbolic links`);
    }
    const target = readlinkSync(path);
    if (target.startsWith("/")) resolved = [];
    todo.push(...target.split("/").toReversed());
  }
  return [root, ...resolved].join("/");
}
