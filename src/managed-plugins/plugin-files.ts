import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import type { ImageProgress } from "#images/images.ts";
import type { LayerUnpacker } from "#images/unpack/process-unpacker.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { TreeArchiver } from "#volumes/transfers.ts";
import { pathsOf, type PluginFolders, type PluginPaths } from "./paths.ts";
import { parsePluginConfig, type PluginConfig } from "./plugin-config.ts";
import type { PluginProcesses } from "./plugin-processes.ts";
import { fetchPlugin, type RemotePlugin } from "./registry/fetch-plugin.ts";
import { PluginImage } from "./registry/plugin-image.ts";

const CONFIG_MAX_BYTES = 1024 * 1024;

export interface PluginFilesOptions {
  readonly folders: PluginFolders;
  readonly processes: Pick<PluginProcesses, "unmountAll">;
  readonly archiver: TreeArchiver;
  readonly registries: Pick<RegistryClient, "retry">;
  readonly unpacker: LayerUnpacker;
  /** Resolves when what lies on a folder's file system survives a power cut. */
  readonly syncDisk: (directory: string) => Promise<void>;
}

/**
 * What plugins have on disk. Files are whole and synced before a record names them, and stay until none does: what a
 * crash in between leaves, the next engine removes.
 */
export class PluginFiles {
  readonly #options: PluginFilesOptions;

  constructor(options: PluginFilesOptions) {
    this.#options = options;
    mkdirSync(options.folders.directory, { recursive: true, mode: 0o700 });
  }

  pathsOf(plugin: { readonly id: string; readonly version?: string }): PluginPaths {
    return pathsOf(this.#options.folders, plugin);
  }

  /**
   * Fills a new plugin's folder; after a failure it is the caller's to `erase`.
   *
   * @param context A tar of `config.json` and `rootfs`.
   * @throws {InvalidArgumentError} The archive, or the configuration in it.
   */
  async make(
    paths: PluginPaths,
    context: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<PluginConfig> {
    const { archiver, syncDisk } = this.#options;
    mkdirSync(paths.directory, { mode: 0o700 });
    await archiver.unpack(paths.directory, context, signal);
    const config = readConfig(paths);
    {
      await using tree = await archiver.pack(paths.root, signal);
      await new PluginImage(paths.image).make(tree.chunks, config, signal);
    }
    await syncDisk(paths.directory);
    return config;
  }

  /** Brings a registry's plugin into `paths.files`, which after a failure are the caller's to remove. */
  async fetch(
    remote: RemotePlugin,
    paths: PluginPaths,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (const path of [paths.directory, paths.files])
      mkdirSync(path, { recursive: true, mode: 0o700 });
    mkdirSync(paths.root, { mode: 0o755 });
    await fetchPlugin(this.#options, remote, paths, onProgress, signal);
    writeFileSync(paths.configFile, remote.configBytes);
    await this.#options.syncDisk(paths.directory);
  }

  /** What an upgrade, or one that broke off, left of other versions. */
  async removeOtherVersions(paths: PluginPaths): Promise<void> {
    const isOwn = paths.files === paths.directory;
    for (const name of readdirSync(paths.directory)) {
      const isVersion =
        /^v-[0-9a-f]{12}$/.test(name) && join(paths.directory, name) !== paths.files;
      const isFirst = !isOwn && ["config.json", "rootfs", "image"].includes(name);
      if (isVersion || isFirst)
        await rm(join(paths.directory, name), { recursive: true, force: true });
    }
  }

  /** All of a plugin, with what it mounted. */
  async erase(paths: PluginPaths): Promise<void> {
    this.#options.processes.unmountAll(paths);
    await rm(paths.sockets, { recursive: true, force: true });
    await rm(paths.directory, { recursive: true, force: true });
  }

  /** What a crash left of plugins without a record. @param known Their ids. */
  async eraseOthers(known: ReadonlySet<string>): Promise<void> {
    for (const name of readdirSync(this.#options.folders.directory)) {
      if (!known.has(name)) await this.erase(this.pathsOf({ id: name }));
    }
  }
}

function readConfig(paths: PluginPaths): PluginConfig {
  // of the archive's making: links in it are not followed
  const found = lstatSync(paths.configFile, { throwIfNoEntry: false });
  if (!found?.isFile()) throw new InvalidArgumentError("config.json not found in the plugin");
  if (found.size > CONFIG_MAX_BYTES) {
    throw new InvalidArgumentError(`config.json is over ${CONFIG_MAX_BYTES} bytes`);
  }
  if (!lstatSync(paths.root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError("rootfs not found in the plugin");
  }
  return parsePluginConfig(readFileSync(paths.configFile, "utf8"));
}
