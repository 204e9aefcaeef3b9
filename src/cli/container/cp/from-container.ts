import { TarPushParser, type TarPushHandler } from "#base/tar/push-parser.ts";
import type { Cli } from "#cli/cli.ts";
import { containerPath } from "#cli/container/each-container.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";
import { TreeWriter } from "#host/archive/write-tree.ts";
import {
  isGoDirectory,
  isGoSymlink,
  parsePathStat,
  PATH_STAT_HEADER,
  type PathStat,
} from "#spec/engine-api/path-stat.ts";
import { checkCopyTarget, localTarget } from "./local-paths.ts";
import { absolutePath, followedPath, splitPath, withoutSlash } from "./paths.ts";
import { planCopy, renameMember } from "./plan-copy.ts";
import { openCopyProgress } from "./progress.ts";

export interface CopyOptions {
  readonly keepsOwners: boolean;
  readonly followsLink: boolean;
  readonly isQuiet: boolean;
}

export interface FromContainer extends CopyOptions {
  readonly container?: string;
  readonly path: string;
  /** `-` for standard output. */
  readonly target: string;
}

export async function copyFromContainer(cli: Cli, request: FromContainer): Promise<void> {
  const { container = "", isQuiet } = request;
  const isStream = request.target === "-";
  const target = isStream ? "-" : absolutePath(request.target, process.cwd());
  if (!isStream) checkCopyTarget(target);
  const engine = await cli.engine();
  const followed = request.followsLink
    ? await followInContainer(engine, container, request.path)
    : { path: request.path };
  const answer = await engine.request("GET", containerPath(container, "/archive"), {
    query: { path: followed.path },
    ...(isStream ? {} : { signal: cli.interruption() }),
  });
  if (isStream) {
    for await (const chunk of answer.body()) await cli.output.pump(chunk);
    return;
  }
  const stat = parsePathStat(answer.header(PATH_STAT_HEADER) ?? "");
  const source = {
    path: followed.path,
    isDirectory: isGoDirectory(stat.mode),
    rename: followed.rename,
  };
  const plan = planCopy(source, localTarget(target));
  using progress = openCopyProgress(cli.errors, "Copying from container - ", isQuiet);
  const writer = new TreeWriter({
    syscalls: openArchiveSyscalls(),
    directory: withoutSlash(plan.directory),
    keepsKinds: true,
    owner: request.keepsOwners && process.getuid?.() === 0 ? "archived" : "own",
  });
  const base = splitPath(followed.path).base;
  const first = followed.rename === undefined ? undefined : { from: base, to: followed.rename };
  const renames = [first, plan.rename].filter((rename) => rename !== undefined);
  const parser = new TarPushParser(renames.length === 0 ? writer : renaming(writer, renames));
  try {
    for await (const chunk of answer.body()) {
      progress.count(chunk.length);
      parser.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    }
    parser.finish();
    writer.finish();
  } finally {
    writer.close();
  }
  progress.finish(target);
}

export async function statInContainer(
  engine: EngineClient,
  container: string,
  path: string,
): Promise<PathStat> {
  const answer = await engine.request("HEAD", containerPath(container, "/archive"), {
    query: { path },
  });
  await answer.discard();
  return parsePathStat(answer.header(PATH_STAT_HEADER) ?? "");
}

/** Where the engine has nothing, the copy itself will say so. */
async function followInContainer(
  engine: EngineClient,
  container: string,
  path: string,
): Promise<{ readonly path: string; readonly rename?: string }> {
  const stat = await statInContainer(engine, container, path).catch(() => undefined);
  if (!stat || !isGoSymlink(stat.mode)) return { path };
  const { linkTarget } = stat;
  const target = linkTarget.startsWith("/") ? linkTarget : splitPath(path).directory + linkTarget;
  return followedPath(path, target);
}

function renaming(
  handler: TarPushHandler,
  renames: readonly { readonly from: string; readonly to: string }[],
): TarPushHandler {
  const renamed = (name: string): string =>
    renames.reduce((at, { from, to }) => renameMember(at, from, to), name);
  return {
    entry: (entry) =>
      handler.entry({
        ...entry,
        name: renamed(entry.name),
        ...(entry.type === "hard-link" ? { linkName: renamed(entry.linkName) } : {}),
      }),
    data: (chunk, position) => handler.data(chunk, position),
    entryEnd: () => handler.entryEnd(),
  };
}
