import { InvalidArgumentError, NotFoundError, WharfError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { containerPath } from "#cli/container/each-container.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { packTree } from "#host/archive/pack-tree.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";
import {
  isGoDevice,
  isGoDirectory,
  isGoIrregular,
  isGoSymlink,
} from "#spec/engine-api/path-stat.ts";
import { type CopyOptions, statInContainer } from "./from-container.ts";
import { localSource } from "./local-paths.ts";
import { absolutePath, splitPath, withoutSlash } from "./paths.ts";
import { type CopyTarget, planCopy, renameMember } from "./plan-copy.ts";
import { openCopyProgress } from "./progress.ts";

export interface ToContainer extends CopyOptions {
  readonly container?: string;
  readonly path: string;
  /** `-` for an archive on standard input. */
  readonly source: string;
}

export async function copyToContainer(cli: Cli, request: ToContainer): Promise<void> {
  const { container = "", path, isQuiet, keepsOwners } = request;
  const isStream = request.source === "-";
  const local = isStream ? "-" : absolutePath(request.source, process.cwd());
  const engine = await cli.engine();
  const target = await targetInContainer(engine, container, path);
  const send = async (directory: string, stream: AsyncIterable<Uint8Array>): Promise<void> => {
    await engine.send("PUT", containerPath(container, "/archive"), {
      query: {
        path: directory,
        noOverwriteDirNonDir: true,
        copyUIDGID: keepsOwners ? true : undefined,
      },
      stream,
      contentType: "application/x-tar",
      ...(isStream ? {} : { signal: cli.interruption() }),
    });
  };
  if (isStream) {
    if (target.kind !== "directory") {
      throw new InvalidArgumentError(`destination "${container}:${path}" must be a directory`);
    }
    await send(target.path, cli.input.chunks());
    return;
  }
  const source = localSource(local, request.followsLink);
  const plan = planCopy(source, target);
  using progress = openCopyProgress(cli.errors, "Copying to container - ", isQuiet);
  const own = source.rename ?? splitPath(source.path).base;
  const name = plan.rename ? renameMember(own, plan.rename.from, plan.rename.to) : own;
  const chunks = packTree(
    { path: Buffer.from(source.path), name: Buffer.from(name) },
    { syscalls: openArchiveSyscalls(), reusesBuffer: true },
  );
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      progress.count(chunk.length);
      yield chunk;
    }
  }
  await send(withoutSlash(plan.directory), counted());
  progress.finish(`${container}:${target.path}`);
}

/** A link is followed, whether it leads anywhere or not; what is not there may come to be. */
async function targetInContainer(
  engine: EngineClient,
  container: string,
  asked: string,
): Promise<CopyTarget> {
  let path = asked;
  let stat = await tryStat(engine, container, path);
  if (stat && isGoSymlink(stat.mode)) {
    const { linkTarget } = stat;
    path = linkTarget.startsWith("/") ? linkTarget : splitPath(path).directory + linkTarget;
    stat = await tryStat(engine, container, path);
  }
  if (!stat) return { path, kind: undefined };
  if (isGoDevice(stat.mode) || isGoIrregular(stat.mode)) {
    const what = isGoDevice(stat.mode) ? "a device" : "an irregular file";
    throw new InvalidArgumentError(
      `destination "${container}:${asked}" must be a directory or a regular file: got ${what}`,
    );
  }
  return { path, kind: isGoDirectory(stat.mode) ? "directory" : "other" };
}

async function tryStat(
  engine: EngineClient,
  container: string,
  path: string,
): Promise<Awaited<ReturnType<typeof statInContainer>> | undefined> {
  try {
    return await statInContainer(engine, container, path);
  } catch (error) {
    // whatever it is, the copy will meet it again and say it; only an engine that is not there ends it here
    if (error instanceof WharfError && error.kind === "unavailable") throw error;
    if (error instanceof NotFoundError || error instanceof WharfError) return undefined;
    throw error;
  }
}
