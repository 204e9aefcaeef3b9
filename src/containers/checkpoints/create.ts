import { rm } from "node:fs/promises";
import {
  ConflictError,
  FailedPreconditionError,
  messageOf,
  UnsupportedError,
} from "#base/errors.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { CheckpointRequest } from "#spec/engine-api/checkpoint.ts";
import { describeCheckpoint, makeCheckpointFolder } from "./folder.ts";

type CheckpointParts = Pick<
  ContainerParts,
  "clock" | "events" | "lives" | "registry" | "runtime" | "settings"
>;

/**
 * Writes a container's processes down, in its lane; with `exit` they end then, and the exit is recorded as any
 * other. A folder that is cut off is no checkpoint, and the next of its name takes its place.
 *
 * @throws {ConflictError} It does not run, is paused, or has a checkpoint of that name.
 *   {UnsupportedError} This host or container cannot be checkpointed, and why.
 */
export async function createCheckpoint(
  parts: CheckpointParts,
  reference: string,
  request: CheckpointRequest,
): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    if (record.state.status !== "running") {
      throw new ConflictError(`container ${id} is not running`);
    }
    if (record.state.paused) {
      throw new ConflictError(`cannot checkpoint container ${reference}: it is paused`);
    }
    if (record.config.Tty) {
      throw new UnsupportedError("checkpoint not support on containers with tty");
    }
    await assertCheckpoints(parts, `checkpoint container ${reference}`, record.hostConfig.Runtime);
    const path = makeCheckpointFolder(parts, record, request, reference);
    try {
      await parts.runtime.checkpoint(id, { directory: path, leaveRunning: !request.exit });
      const created = new Date(parts.clock.nowMs()).toISOString();
      describeCheckpoint(path, { name: request.name, created, exit: request.exit });
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw new FailedPreconditionError(
        `Cannot checkpoint container ${reference}: ${messageOf(error)}`,
        { cause: error },
      );
    }
    parts.events.publish(record, "checkpoint");
  });
}

/** @throws {UnsupportedError} This host cannot, in criu's words. */
export async function assertCheckpoints(
  parts: Pick<CheckpointParts, "runtime">,
  attempt: string,
  runtimeName: string,
): Promise<void> {
  const refusal = await parts.runtime.checkpointRefusal(runtimeName);
  if (refusal !== undefined) throw new UnsupportedError(`Cannot ${attempt}: ${refusal}`);
}
