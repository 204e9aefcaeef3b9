import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, PermissionDeniedError } from "#base/errors.ts";

/** An executable the engine cannot do without. */
interface Tool {
  /** Any one of these will do. */
  readonly names: readonly string[];
  readonly debianPackage: string;
  readonly purpose: string;
}

const TOOLS: readonly Tool[] = [
  { names: ["crun", "runc"], debianPackage: "runc or crun", purpose: "to run containers" },
  { names: ["conmon"], debianPackage: "conmon", purpose: "to supervise containers" },
  { names: ["nft"], debianPackage: "nftables", purpose: "for published ports and masquerading" },
];

const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** @returns Absolute path of the first of `names` that is there and may be run. */
export function findExecutable(
  names: readonly string[],
  searchPath: string | undefined,
): string | undefined {
  const folders = [...(searchPath?.split(":") ?? []), ...SYSTEM_PATH].filter((one) => one !== "");
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not in this folder
      }
    }
  }
  return undefined;
}

/**
 * What must hold before anything is touched.
 *
 * @throws {PermissionDeniedError} Not root. {FailedPreconditionError} A missing tool, with its package.
 */
export function checkPrerequisites(host: {
  readonly userId: number;
  readonly searchPath: string | undefined;
  /** Whether the configuration names an OCI runtime of its own. */
  readonly hasOwnRuntime: boolean;
}): void {
  if (host.userId !== 0) {
    throw new PermissionDeniedError(
      "Cannot start the engine: it needs root; run it with sudo (rootless mode comes in a later release)",
    );
  }
  for (const tool of TOOLS) {
    if (host.hasOwnRuntime && tool.names.includes("runc")) continue;
    if (findExecutable(tool.names, host.searchPath) !== undefined) continue;
    throw new FailedPreconditionError(
      `Cannot start the engine: ${tool.names.join(" or ")} is missing, which is needed ${tool.purpose}; ` +
        `install it with: apt-get install ${tool.debianPackage.split(" ").at(-1)}`,
    );
  }
}
