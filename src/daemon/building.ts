import { mkdirSync, rmSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { BuildBackend } from "#api/build/backend.ts";
import type { ApiLog } from "#api/log.ts";
import { messageOf, NotFoundError } from "#base/errors.ts";
import { wharfVersion } from "#base/version.ts";
import type { Builder } from "#builder/builder.ts";
import type { BuildRecords } from "#builder/cache/records.ts";
import { classicBuild, classicCheck } from "#builder/doors/classic-build.ts";
import { openBuildkitDoor, type BuildkitDoor } from "#buildkit/door.ts";
import { BuildHistory } from "#buildkit/history/build-history.ts";
import { KeptTrees } from "#buildkit/session/kept-trees.ts";
import { BuildWorkers } from "#builder/files/build-workers.ts";
import { openBuilder } from "#builder/open-builder.ts";
import { buildPlatforms } from "#builder/solver/emulation.ts";
import type { FilesWorkers } from "#containers/files/workers.ts";
import type { OpenContainers } from "#containers/open.ts";
import type { ContentStore } from "#content/content.ts";
import type { Host } from "#host/host.ts";
import type { Images } from "#images/images.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { hostPlatform } from "#spec/platform.ts";
import type { TreeArchiver } from "#volumes/transfers.ts";
import type { EngineConfig } from "./config/engine-config.ts";

export interface BuildingOptions {
  readonly config: EngineConfig;
  readonly host: Host;
  readonly store: BuildRecords;
  readonly images: Images;
  readonly registries: RegistryClient;
  readonly snapshotter: Snapshotter;
  readonly content: ContentStore;
  readonly containers: OpenContainers;
  readonly archiver: TreeArchiver;
  readonly filesWorkers: FilesWorkers;
  readonly randomBytes: RandomBytes;
  readonly selfArgv: readonly string[];
  readonly defaults: () => ContainerDefaults;
  readonly engineId: string;
  readonly log: Pick<ApiLog, "debug">;
}

/** The builder and its doors. */
export interface Building extends AsyncDisposable {
  readonly builder: Builder;
  readonly classic: BuildBackend;
  readonly buildkit: BuildkitDoor;
}

/** Joins the builder to what it stands on. To be called after the containers are reconciled. */
export async function openBuilding(options: BuildingOptions): Promise<Building> {
  const { config, host, containers, archiver, randomBytes } = options;
  const { clock } = host;
  await using stack = new AsyncDisposableStack();
  const directory = join(config.dataRoot, "builder");
  mkdirSync(directory, { recursive: true, mode: 0o710 });
  // those of builds that an engine's death cut off
  const contextsDirectory = join(directory, "contexts");
  rmSync(contextsDirectory, { recursive: true, force: true });
  // Where one context has just been removed, ext4 looks past each of its inodes for a minute to find free ones for the next.
  for (const folder of [contextsDirectory, join(directory, "locals")]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    host.files.spreadFolders(folder);
  }
  const files = stack.use(
    new BuildWorkers({
      processes: host.processes,
      sockets: host.sockets,
      clock,
      selfCommand: options.selfArgv,
    }),
  );
  const trees = new KeptTrees({ directory: join(directory, "locals"), randomBytes, clock });
  const builder = stack.use(
    await openBuilder({
      records: options.store,
      images: options.images,
      registries: options.registries,
      snapshots: options.snapshotter,
      content: options.content,
      files,
      steps: {
        ...(containers.stepUsers ? { users: containers.stepUsers } : {}),
        run: (command, onOutput, signal) =>
          containers.runStep(command, { defaults: options.defaults(), onOutput }, signal),
        open: (command, terminal, signal) =>
          containers.openStep(command, { defaults: options.defaults(), terminal }, signal),
      },
      keptSources: trees,
      processes: host.processes,
      packTree: (path, signal) => packTree(options.filesWorkers, path, signal),
      freeBytes: async () => {
        const { bavail, bsize } = await statfs(directory);
        return bavail * bsize;
      },
      diskBytes: async (path) => {
        try {
          return (await host.files.diskUsage(path)).bytes;
        } catch (error) {
          if (error instanceof NotFoundError) return 0;
          throw error;
        }
      },
      clock,
      randomBytes,
      directory,
      runDirectory: join(config.execRoot, "builder"),
      platform: hostPlatform("linux", host.system.machine),
    }),
  );
  const platform = hostPlatform("linux", host.system.machine);
  const contexts = {
    processes: host.processes,
    directory,
    randomBytes,
    unpack: (folder: string, archive: AsyncIterable<Uint8Array>, signal: AbortSignal) =>
      archiver.unpack(folder, archive, signal),
  };
  const classicParts = { builder, ...contexts };
  const buildkit = openBuildkitDoor({
    builder,
    contexts,
    clock,
    trees,
    history: new BuildHistory(join(directory, "history"), () => clock.nowMs()),
    engineId: options.engineId,
    snapshotter: options.snapshotter.driver,
    version: wharfVersion,
    platforms: () => buildPlatforms(platform),
    onFailure: (method, error) =>
      options.log.debug(`${method} returned error`, { error: messageOf(error) }),
  });
  const open = stack.move();
  return {
    builder,
    buildkit,
    classic: {
      build: (request, write, signal) => classicBuild(classicParts, request, write, signal),
      check: (request, write, signal) => classicCheck(classicParts, request, write, signal),
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function* packTree(
  workers: FilesWorkers,
  path: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const view = { rootPath: path, isReadOnly: true, mounts: [] };
  await using output = await workers.open({ kind: "export", view }, signal);
  yield* output.chunks;
}
