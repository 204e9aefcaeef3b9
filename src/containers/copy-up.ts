import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { ContainerMount } from "./container.ts";
import type { ContainerParts } from "./parts.ts";

const MAX_LINKS = 40;
const CP = "/bin/cp";

/**
 * Fills a volume that is empty with what the image has at its target, owners and modes included, those of
 * the folder itself too. A volume with anything in it is left alone.
 *
 * @param rootPath The mounted root file system.
 * @param volumePath The volume's own folder on the host.
 */
export async function copyUp(
  parts: Pick<ContainerParts, "processes">,
  mount: Pick<ContainerMount, "destination">,
  rootPath: string,
  volumePath: string,
  signal: AbortSignal,
): Promise<void> {
  if (readdirSync(volumePath).length > 0) return;
  const source = resolveInRoot(rootPath, mount.destination);
  if (source === undefined || !lstatSync(source).isDirectory()) return;
  const result = await parts.processes.run(
    {
      argv: [CP, "--archive", "--no-target-directory", "--reflink=auto", "--", source, volumePath],
    },
    signal,
  );
  if (result.code === 0) return;
  throw new FailedPreconditionError(
    `Cannot copy ${mount.destination} of the image into its volume: ${result.stderr.trim() || "cp failed"}`,
  );
}

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
