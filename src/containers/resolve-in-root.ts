import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";

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
    const stat = lstatSync(candidate, { throwIfNoEntry: false });
    if (!stat) return undefined;
    if (!stat.isSymbolicLink()) {
      inside.push(part);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    const target = readlinkSync(candidate);
    if (target.startsWith("/")) inside = [];
    pending.push(...target.split("/").reverse());
  }
}
