import { ConflictError } from "#base/errors.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { TerminalSize } from "#containers/resize.ts";

/** @throws {NotFoundError} Unknown exec. {ConflictError} It does not run. */
export async function resizeExec(
  parts: Pick<ContainerParts, "execs" | "runtime">,
  execId: string,
  size: TerminalSize,
): Promise<void> {
  const exec = parts.execs.get(execId);
  if (exec.status !== "running" || exec.pid === 0) {
    throw new ConflictError(`exec ${exec.id} is not running`);
  }
  await parts.runtime.resize(exec.id, size);
}
