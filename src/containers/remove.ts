import { ConflictError } from "#base/errors.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerParts } from "./parts.ts";
import { removeLink } from "./links/remove-link.ts";
import {
  announceRemoved,
  beginRemoval,
  type RemovalParts,
  removeOwnVolumes,
  takeAway,
} from "./removal.ts";
import { killUntilDown, type StopParts } from "./stop.ts";
import { assertAllowed, isUp, lastExit, waitResultOf } from "./transitions.ts";

export interface RemoveOptions {
  readonly force: boolean;
  readonly volumes: boolean;
  readonly link: boolean;
}

type RemoveStoppedParts = RemovalParts & Pick<ContainerParts, "supervisorsAhead">;
export type RemoveParts = RemoveStoppedParts & StopParts;

export async function removeContainer(
  parts: RemoveParts,
  reference: string,
  options: RemoveOptions,
): Promise<void> {
  if (options.link) {
    await removeLink(parts, reference);
    return;
  }
  const record = parts.registry.resolve(reference);
  const verb = options.force ? "remove-force" : "remove";
  const live = parts.lives.of(record.id);
  if (live.isRemovalUnderWay) {
    throw new ConflictError(`removal of container ${reference} is already in progress`);
  }
  assertAllowed(verb, record, reference);
  live.isRemovalUnderWay = true;
  live.isForcedOut = options.force;
  if (options.force) {
    live.startUnderWay?.abort(new ConflictError(`container ${record.name} is being removed`));
  }
  try {
    for (;;) {
      if (options.force) await killUntilDown(parts, record.id);
      const isGone = await live.lane.run(async () => {
        const now = parts.registry.find(record.id);
        // `--rm` was faster
        if (!now || !parts.registry.isVisible(now)) return true;
        assertAllowed(verb, now, reference);
        if (isUp(now.state)) return false;
        await removeStopped(parts, now, options.volumes);
        return true;
      });
      if (isGone) break;
    }
    await live.cleaning;
  } finally {
    live.isRemovalUnderWay = false;
    live.isForcedOut = false;
  }
}

/** Only in the lane. */
export async function removeStopped(
  parts: RemoveStoppedParts,
  record: ContainerRecord,
  removesVolumes: boolean,
): Promise<void> {
  const live = parts.lives.of(record.id);
  await live.cleaning;
  await parts.supervisorsAhead.end(record.id);
  const removing = beginRemoval(parts, record, { exit: lastExit(record.state), removesVolumes });
  await removeOwnVolumes(parts, removing);
  await takeAway(parts, removing);
  // a start that failed has a code too
  announceRemoved(parts, removing, waitResultOf(record.state));
  parts.lives.forget(record.id);
}

/** Removes a container that was made for nothing: a failed start with `--rm`. */
export async function removeUnstarted(parts: RemoveStoppedParts, id: ContainerId): Promise<void> {
  const record = parts.registry.find(id);
  if (record) await removeStopped(parts, record, true);
}
