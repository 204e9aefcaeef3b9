import { readdirSync } from "node:fs";
import { posix } from "node:path";
import type { ContainerRecord } from "#containers/container.ts";
import { isAbsent } from "#containers/absent.ts";
import { resolveInRoot } from "#containers/mounts/resolve-in-root.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Searched = Pick<ContainerRecord, "config" | "path">;

/** Folders in which the container looks for programs. */
function searchPath({ config }: Searched): readonly string[] {
  const variable = config.Env.find((one) => one.startsWith("PATH="))?.slice("PATH=".length);
  return (variable || DEFAULT_PATH).split(":").filter((folder) => folder.startsWith("/"));
}

/**
 * Where the container's program is on the host.
 *
 * @param rootPath Its mounted root; what is mounted on top of it is not seen.
 */
export function findProgram(rootPath: string, record: Searched): string | undefined {
  const { path, config } = record;
  if (path.includes("/")) {
    return resolveInRoot(rootPath, posix.resolve("/", config.WorkingDir, path));
  }
  for (const folder of searchPath(record)) {
    const found = resolveInRoot(rootPath, posix.join(folder, path));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names of all programs that the container would find. */
export function programNames(rootPath: string, record: Searched): readonly string[] {
  return searchPath(record).flatMap((folder) => {
    const resolved = resolveInRoot(rootPath, folder);
    return resolved === undefined ? [] : namesIn(resolved);
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
