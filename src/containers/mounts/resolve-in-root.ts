import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { isAbsent } from "#containers/absent.ts";

const MAX_LINKS = 40;

/**
 * Where `path` leads inside the tree at `root`, whose links an image made: an absolute one begins at
 * `root`, and none leads above it.
 *
 * @returns Undefined when there is nothing, or a loop. The result has no link in it.
 */
export function resolveInRoot(root: string, path: string): string | undefined {
  const pending = path.split("/").reverse();
  let inside: string[] = [];
  for (let links = 0; ; ) {
    const part = pending.pop();
    if (part === undefined) return join(root, ...inside);
    if (part === "" || part === ".") continue;
    if (part === "..") {
      inside.pop();
      continue;
    }
    const candidate = join(root, ...inside, part);
    const target = linkTarget(candidate);
    if (target === undefined) return undefined;
    if (target === false) {
      inside.push(part);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (target.startsWith("/")) inside = [];
    pending.push(...target.split("/").reverse());
  }
}

/** @returns False for what is no link, undefined for nothing: also where a container took it away in between. */
function linkTarget(path: string): string | false | undefined {
  try {
    return lstatSync(path).isSymbolicLink() && readlinkSync(path);
  } catch (error) {
    // EINVAL: no link any more
    if (isAbsent(error) || (error instanceof Error && "code" in error && error.code === "EINVAL")) {
      return undefined;
    }
    throw error;
  }
}
