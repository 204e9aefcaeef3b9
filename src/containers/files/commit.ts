import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { mergeImageConfig } from "#containers/merge-image-config.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { applyChanges } from "#images/changes.ts";
import { parseTagTarget } from "#images/records.ts";
import type { Digest } from "#spec/digest.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { ImageExecutionConfig } from "#spec/oci-image.ts";
import { changedTreeOf, type FilesParts, holdRoot } from "./hold.ts";
import type { CommitContainerRequest } from "./requests.ts";

export type CommitParts = FilesParts & Pick<ContainerParts, "images" | "runtime">;

/**
 * Makes an image of a container's changes. A running one is paused for the time, which its record says, so
 * that an engine that dies meanwhile lets it go on when it comes back.
 *
 * @throws {InvalidArgumentError} A change or a name that is none. Nothing is left of a failed commit.
 */
export async function commitContainer(
  parts: CommitParts,
  reference: string,
  request: CommitContainerRequest,
  signal: AbortSignal,
): Promise<Digest> {
  const tag = request.reference === undefined ? undefined : parseTagTarget(request.reference);
  const before = parts.registry.resolve(reference);
  const own = request.config
    ? mergeImageConfig(request.config, imageConfigOf(before.config))
    : before.config;
  const config = applyChanges(imageConfigOf(own), request.changes);
  const parent = parts.images.resolve(before.imageId);
  await using stack = new AsyncDisposableStack();
  if (request.pause) {
    const { id } = before;
    if (await pauseForCommit(parts, id)) stack.defer(() => resumeAfterCommit(parts, id));
  }
  const held = stack.use(await holdRoot(parts, before.id, signal));
  const tree = changedTreeOf(parts, held);
  const output = stack.use(await parts.filesWorkers.open({ kind: "layer", tree }, held.signal));
  const image = await parts.images.commit(
    {
      parent,
      layer: ownChunks(output.chunks),
      config,
      author: request.author,
      comment: request.comment,
      createdBy: (before.config.Cmd ?? []).join(" "),
      ...(tag === undefined ? {} : { tag }),
    },
    held.signal,
  );
  parts.events.publish(held.record, "commit", {
    comment: request.comment,
    imageID: image.id,
    imageRef: tag ?? "",
  });
  return image.id;
}

/** The store still writes a chunk while it takes the next, which comes in the same memory. */
async function* ownChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield new Uint8Array(chunk);
}

/** @returns Whether it runs and was not paused before. */
async function pauseForCommit(parts: CommitParts, id: ContainerId): Promise<boolean> {
  return await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    if (record.state.status !== "running" || record.state.paused) return false;
    // recorded first: a crash in between must not leave it paused for ever
    parts.registry.put({ ...record, intent: "commit" });
    await parts.runtime.pause(id);
    setPaused(parts, record, true, "commit");
    return true;
  });
}

async function resumeAfterCommit(parts: CommitParts, id: ContainerId): Promise<void> {
  try {
    await parts.lives.of(id).lane.run(async () => {
      const record = parts.registry.find(id);
      if (record?.intent !== "commit") return; // resumed by the user meanwhile
      if (record.state.status === "running") {
        await parts.runtime.resume(id);
        setPaused(parts, record, false, undefined);
      } else parts.registry.put(withoutIntent(record));
    });
  } catch (error) {
    parts.warn(`Cannot resume container ${id} after its commit: ${messageOf(error)}`);
  }
}

function setPaused(
  parts: CommitParts,
  record: ContainerRecord,
  paused: boolean,
  intent: "commit" | undefined,
): void {
  if (record.state.status !== "running") return;
  const after: ContainerRecord = {
    ...withoutIntent(record),
    ...(intent && { intent }),
    state: { ...record.state, paused },
  };
  parts.registry.put(after);
  parts.events.publish(after, paused ? "pause" : "unpause");
}

export function withoutIntent({ intent: _, ...rest }: ContainerRecord): ContainerRecord {
  return rest;
}

/** What an image says of its containers, from what a container was made with. */
function imageConfigOf(config: ContainerConfig): ImageExecutionConfig {
  const { Healthcheck: health } = config;
  return {
    user: config.User,
    exposedPorts: Object.keys(config.ExposedPorts).toSorted(),
    env: config.Env,
    ...(config.Entrypoint ? { entrypoint: config.Entrypoint } : {}),
    ...(config.Cmd ? { cmd: config.Cmd } : {}),
    volumes: Object.keys(config.Volumes).toSorted(),
    workingDir: config.WorkingDir,
    labels: config.Labels,
    ...(config.StopSignal === undefined ? {} : { stopSignal: config.StopSignal }),
    ...(config.StopTimeout === undefined ? {} : { stopTimeoutSeconds: config.StopTimeout }),
    ...(health && {
      healthcheck: {
        test: health.Test,
        intervalNanoseconds: health.Interval,
        timeoutNanoseconds: health.Timeout,
        startPeriodNanoseconds: health.StartPeriod,
        startIntervalNanoseconds: health.StartInterval,
        retries: health.Retries,
      },
    }),
    onBuild: config.OnBuild,
    ...(config.Shell ? { shell: config.Shell } : {}),
    argsEscaped: config.ArgsEscaped === true,
  };
}
