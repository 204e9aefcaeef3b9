import { rm } from "node:fs/promises";
import { join } from "node:path";
import { KeyedMutex } from "#base/async.ts";
import { ConflictError, FailedPreconditionError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { ImageProgress } from "#images/images.ts";
import { PluginClient } from "#plugins/client.ts";
import type { ManagedPlugin, PluginSource } from "#plugins/plugins.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import { booleanFilter, type Filters, filterValues } from "#spec/engine-api/filters.ts";
import type { PluginPrivilege } from "#spec/engine-api/plugin-privileges.ts";
import { newContainerId, type RandomBytes } from "#spec/ids.ts";
import { familiarReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";
import type { Collection } from "#store/store.ts";
import { capabilitiesOf, type ManagedPluginRecord } from "./managed-plugin.ts";
import { scopePath } from "./paths.ts";
import { PluginFiles, type PluginFilesOptions } from "./plugin-files.ts";
import type { PluginProcesses } from "./plugin-processes.ts";
import { announce, type RemotePlugin, resolveRemotePlugin } from "./registry/fetch-plugin.ts";
import { checkGranted, privilegesOf } from "./registry/privileges.ts";
import { pushPlugin } from "./registry/push-plugin.ts";
import { findPlugin, parsePluginName, resolvePlugin } from "./resolve.ts";
import { RunningPlugins } from "./running-plugins.ts";
import { applySettings, carriedSettings, defaultSettings } from "./settings.ts";

/** A plugin of a registry that is to be installed. */
export interface PluginPull {
  readonly remote: string;
  readonly credentials: RegistryCredentials;
  /** What the user has granted: all that it wants, and nothing else. */
  readonly privileges: readonly PluginPrivilege[];
}

export interface ManagedPluginsOptions extends PluginFilesOptions {
  readonly records: Collection<ManagedPluginRecord>;
  readonly processes: PluginProcesses;
  readonly registries: Pick<RegistryClient, "repository" | "retry">;
  readonly clock: Pick<Clock, "delay">;
  readonly randomBytes: RandomBytes;
  /** How many volumes and the like a plugin has. */
  readonly countUses: (name: string) => number;
  readonly onEvent: (
    action: "create" | "pull" | "enable" | "disable" | "remove",
    plugin: ManagedPluginRecord,
  ) => void;
  readonly warn: (message: string) => void;
  /** When the plugins are disposed of. */
  readonly closeRuntime: () => Promise<void>;
}

/**
 * The plugins that the engine runs. A record says whether one is to run; the process follows it: it outlives the
 * engine, is taken over by the next, and is started again when it ends by itself.
 */
export class ManagedPlugins implements PluginSource, AsyncDisposable {
  readonly #options: ManagedPluginsOptions;
  readonly #lanes = new KeyedMutex();
  readonly #files: PluginFiles;
  readonly #running: RunningPlugins;
  /** By id: kept, so that what others remember of a plugin stays the same object. */
  readonly #sources = new Map<string, ManagedPlugin>();

  constructor(options: ManagedPluginsOptions) {
    this.#options = options;
    this.#files = new PluginFiles(options);
    this.#running = new RunningPlugins({ ...options, lanes: this.#lanes });
  }

  /** Once: takes over or starts those that are enabled, and removes what a crash left of others. */
  async recover(): Promise<void> {
    const all = this.#all();
    await this.#files.eraseOthers(new Set(all.map(({ id }) => id)));
    for (const plugin of all) await this.#files.removeOtherVersions(this.#files.pathsOf(plugin));
    const enabled = all.filter(({ isEnabled }) => isEnabled);
    await Promise.all(enabled.map((plugin) => this.#running.takeOver(plugin)));
  }

  find(name: string): ManagedPlugin | undefined {
    const found = findPlugin(this.#all(), name);
    return found && this.#sourceOf(found);
  }

  /** As `PluginSource`; `matching` is for the API. */
  list(): readonly ManagedPlugin[] {
    return this.#all().map((plugin) => this.#sourceOf(plugin));
  }

  /** Filters: `capability`, `enabled`. */
  matching(filters: Filters): readonly ManagedPluginRecord[] {
    const isEnabled = booleanFilter(filters, "enabled");
    const wanted = filterValues(filters, "capability");
    return this.#all().filter(
      (plugin) =>
        (isEnabled === undefined || plugin.isEnabled === isEnabled) &&
        wanted.every((capability) => capabilitiesOf(plugin).includes(capability.toLowerCase())),
    );
  }

  /** @throws {NotFoundError} */
  get(reference: string): ManagedPluginRecord {
    return resolvePlugin(this.#all(), reference);
  }

  /**
   * @param context A tar of `config.json` and `rootfs`.
   * @throws {ConflictError} The name is taken. {InvalidArgumentError} Name, archive or configuration.
   */
  async create(
    reference: string,
    context: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const name = parsePluginName(reference);
    const { records, onEvent } = this.#options;
    await this.#lanes.run(
      name,
      async () => {
        if (this.#all().some((plugin) => plugin.name === name)) {
          throw new ConflictError(`plugin ${name} already exists`);
        }
        const id = newContainerId(this.#options.randomBytes);
        const paths = this.#files.pathsOf({ id });
        await using undo = new AsyncDisposableStack();
        undo.defer(() => this.#files.erase(paths));
        const config = await this.#files.make(paths, context, signal);
        const settings = defaultSettings(config);
        const plugin = { id, name, isEnabled: false, config, settings, timeoutSeconds: 0 };
        signal.throwIfAborted();
        records.put(id, plugin);
        undo.move();
        onEvent("create", plugin);
      },
      signal,
    );
  }

  /** What a plugin of a registry wants of the host. */
  async privileges(
    remote: string,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<readonly PluginPrivilege[]> {
    const { registries } = this.#options;
    const reference = withDefaultTag(parseImageReference(remote));
    const plugin = await resolveRemotePlugin(registries, reference, credentials, signal);
    return privilegesOf(plugin.config);
  }

  /**
   * Installs a plugin of a registry, disabled.
   *
   * @param request.name What it is called here.
   * @throws {ConflictError} The name is taken. {InvalidArgumentError} Privileges are not those that it wants.
   */
  async pull(
    request: PluginPull & { readonly name: string },
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const name = parsePluginName(request.name);
    const { records, onEvent } = this.#options;
    await this.#lanes.run(
      name,
      async () => {
        if (this.#all().some((plugin) => plugin.name === name)) {
          throw new ConflictError(`plugin ${name} already exists`);
        }
        const remote = await this.#resolve(request, onProgress, signal);
        const id = newContainerId(this.#options.randomBytes);
        const paths = this.#files.pathsOf({ id });
        await using undo = new AsyncDisposableStack();
        undo.defer(() => this.#files.erase(paths));
        await this.#files.fetch(remote, paths, onProgress, signal);
        const { config } = remote;
        const reference = familiarReference(remote.reference);
        const settings = defaultSettings(config);
        const plugin = {
          id,
          name,
          isEnabled: false,
          config,
          settings,
          reference,
          timeoutSeconds: 0,
        };
        signal.throwIfAborted();
        records.put(id, plugin);
        undo.move();
        onEvent("pull", plugin);
      },
      signal,
    );
  }

  /**
   * Replaces a disabled plugin's files and configuration by those of a registry; what was set stays where it still can be.
   *
   * @throws {ConflictError} It is enabled. {InvalidArgumentError} Privileges are not those that it wants.
   */
  async upgrade(
    name: string,
    request: PluginPull,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inLane(name, async (plugin) => {
      if (plugin.isEnabled) {
        throw new ConflictError(
          `plugin must be disabled before upgrading: plugin ${plugin.name} is enabled`,
        );
      }
      const remote = await this.#resolve(request, onProgress, signal);
      const { records, onEvent, randomBytes } = this.#options;
      const version = `v-${newContainerId(randomBytes).slice(0, 12)}`;
      const paths = this.#files.pathsOf({ ...plugin, version });
      await using undo = new AsyncDisposableStack();
      undo.defer(() => rm(paths.files, { recursive: true, force: true }));
      await this.#files.fetch(remote, paths, onProgress, signal);
      const { config } = remote;
      const settings = carriedSettings(config, plugin.settings);
      const reference = familiarReference(remote.reference);
      const upgraded = { ...plugin, version, config, settings, reference };
      signal.throwIfAborted();
      records.put(plugin.id, upgraded);
      undo.move();
      this.#sources.delete(plugin.id);
      await this.#files.removeOtherVersions(paths);
      onEvent("pull", upgraded);
    });
  }

  /** Sends a plugin to the registry that its name says. */
  async push(
    name: string,
    credentials: RegistryCredentials,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inLane(name, async (plugin) => {
      const { registries } = this.#options;
      const { image } = this.#files.pathsOf(plugin);
      const reference = parseImageReference(plugin.name);
      await pushPlugin(registries, { reference, image, credentials }, onProgress, signal);
    });
  }

  /** @throws {ConflictError} It is enabled. {FailedPreconditionError} It does not come up, saying why. */
  async enable(reference: string, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    await this.#inLane(reference, async (plugin) => {
      if (plugin.isEnabled) {
        throw new ConflictError(`plugin already enabled: plugin ${plugin.name} is enabled`);
      }
      const enabled = { ...plugin, isEnabled: true, timeoutSeconds };
      this.#options.records.put(plugin.id, enabled);
      try {
        await this.#running.start(enabled, signal);
      } catch (error) {
        this.#options.records.put(plugin.id, plugin);
        throw error;
      }
      this.#options.onEvent("enable", enabled);
    });
  }

  /** @throws {ConflictError} It is disabled, or in use and not `force`. */
  async disable(reference: string, force: boolean): Promise<void> {
    await this.#inLane(reference, async (plugin) => {
      if (!plugin.isEnabled) {
        throw new ConflictError(
          `plugin is already disabled: plugin ${plugin.name} found but disabled`,
        );
      }
      this.#checkUnused(plugin, force);
      await this.#stop(plugin);
      this.#options.onEvent("disable", plugin);
    });
  }

  /** @throws {FailedPreconditionError} It is enabled, or a setting is unknown. */
  async set(reference: string, settings: readonly string[]): Promise<void> {
    await this.#inLane(reference, async (plugin) => {
      if (plugin.isEnabled) {
        throw new FailedPreconditionError(
          "cannot set on an active plugin, disable plugin before setting",
        );
      }
      const changed = applySettings(plugin.config, plugin.settings, settings);
      this.#options.records.put(plugin.id, { ...plugin, settings: changed });
    });
  }

  /** @returns What it was. @throws {ConflictError} It is enabled or in use, and not `force`. */
  async remove(reference: string, force: boolean): Promise<ManagedPluginRecord> {
    return await this.#inLane(reference, async (plugin) => {
      this.#checkUnused(plugin, force);
      if (plugin.isEnabled) {
        if (!force) throw new ConflictError(`plugin ${plugin.name} is enabled`);
        await this.#stop(plugin);
      }
      const { records, onEvent } = this.#options;
      records.delete(plugin.id);
      this.#sources.delete(plugin.id);
      await this.#files.erase(this.#files.pathsOf(plugin));
      onEvent("remove", plugin);
      return plugin;
    });
  }

  /** Ends what runs, for an engine that ends; it starts again with the next. */
  async stopAll(): Promise<void> {
    this.#running.end();
    const enabled = this.#all().filter(({ isEnabled }) => isEnabled);
    await Promise.all(enabled.map((plugin) => this.#running.stop(plugin)));
  }

  /** Ends what waits; plugins run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#running.end();
    await this.#options.closeRuntime();
  }

  async #resolve(
    { remote, credentials, privileges }: PluginPull,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<RemotePlugin> {
    const reference = withDefaultTag(parseImageReference(remote));
    const { registries } = this.#options;
    const found = await resolveRemotePlugin(registries, reference, credentials, signal);
    announce(found, onProgress);
    checkGranted(privilegesOf(found.config), privileges);
    return found;
  }

  #all(): readonly ManagedPluginRecord[] {
    return this.#options.records.entries().map(([, plugin]) => plugin);
  }

  async #inLane<Result>(
    reference: string,
    work: (plugin: ManagedPluginRecord) => Promise<Result>,
  ): Promise<Result> {
    const { id, name } = this.get(reference);
    return await this.#lanes.run(name, async () => await work(this.get(id)));
  }

  #checkUnused({ name }: ManagedPluginRecord, force: boolean): void {
    if (!force && this.#options.countUses(name) > 0) {
      throw new ConflictError(`plugin ${name} is in use`);
    }
  }

  #sourceOf(plugin: ManagedPluginRecord): ManagedPlugin {
    const known = this.#sources.get(plugin.id);
    if (known && known.isEnabled === plugin.isEnabled) return known;
    const { clock } = this.#options;
    const paths = this.#files.pathsOf(plugin);
    const source: ManagedPlugin = {
      name: plugin.name,
      isEnabled: plugin.isEnabled,
      capabilities: capabilitiesOf(plugin),
      client: new PluginClient({
        name: plugin.name,
        address: { kind: "unix", path: join(paths.sockets, plugin.config.Interface.Socket) },
        sleep: (delayMs, signal) => clock.delay(delayMs, signal),
        ...(plugin.timeoutSeconds > 0 ? { timeoutMs: plugin.timeoutSeconds * 1000 } : {}),
      }),
      hostPath: (path) => scopePath(paths, plugin.config.PropagatedMount, path),
    };
    this.#sources.set(plugin.id, source);
    return source;
  }

  async #stop(plugin: ManagedPluginRecord): Promise<void> {
    // recorded first: its end is then no failure, and a crash does not bring it back
    this.#options.records.put(plugin.id, { ...plugin, isEnabled: false });
    await this.#running.stop(plugin);
  }
}
