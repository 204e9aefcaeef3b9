import { markDiskFault } from "#base/disk-fault.ts";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";

/**
 * syncfs(2) on the file system of `directory`, by a process: as a call it would hold the JS thread until
 * the disk has everything.
 *
 * @throws {FailedPreconditionError} The disk did not take it.
 */
export async function syncFileSystem(
  processes: Pick<Processes, "run">,
  directory: string,
): Promise<void> {
  const { code, stderr } = await processes.run({
    argv: ["/bin/sync", "-f", directory],
    env: { LC_ALL: "C" },
  });
  if (code === 0) return;
  const error = new FailedPreconditionError(`Cannot sync ${directory}: ${stderr.trim()}`);
  throw markDiskFault(error, stderr);
}
