import type { Sleep } from "#base/async.ts";
import { ConflictError, messageOf, NotFoundError } from "#base/errors.ts";
import { formatPluginAddress } from "./address.ts";
import { PluginClient, RETRY_MS } from "./client.ts";
import { findPluginAddress, listPluginNames } from "./discover.ts";
import type { ManagedPlugin, Plugin, PluginCapability, Plugins, PluginSource } from "./plugins.ts";

const ACTIVATE_TIMEOUT_MS = 30_000;
/** For those that nobody named: a listing does not wait long for a plugin that hangs. */
const LIST_TIMEOUT_MS = 5_000;

export interface PluginFinderOptions {
  /** Where the host's plugins are looked for, in this order. */
  readonly folders: readonly string[];
  readonly sleep: Sleep;
  readonly managed?: PluginSource;
}

interface Activated {
  readonly plugin: Plugin;
  readonly capabilities: readonly string[];
}

/** The plugins of the host's folders and those that the engine runs. */
export class PluginFinder implements Plugins {
  readonly #options: PluginFinderOptions;
  /** By name and address: a plugin that moves is asked anew. */
  readonly #activated = new Map<string, Activated>();

  constructor(options: PluginFinderOptions) {
    this.#options = options;
  }

  async get(name: string, capability: PluginCapability, signal?: AbortSignal): Promise<Plugin> {
    const managed = this.#options.managed?.find(name);
    if (managed) {
      if (!managed.isEnabled) {
        throw new ConflictError(`plugin ${name} found but disabled`);
      }
      if (hasCapability(managed.capabilities, capability)) return managed;
      throw notFound(name);
    }
    const client = this.#clientOf(name);
    if (!client) throw notFound(name);
    const limits = { timeoutMs: ACTIVATE_TIMEOUT_MS, retryMs: RETRY_MS };
    const { plugin, capabilities } = await this.#activate(client, limits, signal);
    if (!hasCapability(capabilities, capability)) throw notFound(name);
    return plugin;
  }

  async list(
    capability: PluginCapability,
    signal?: AbortSignal,
  ): Promise<{ readonly plugins: readonly Plugin[]; readonly warnings: readonly string[] }> {
    const plugins: Plugin[] = this.#managed(capability).slice();
    const warnings: string[] = [];
    const ask = async (name: string): Promise<void> => {
      try {
        const client = this.#clientOf(name);
        if (!client) return;
        const limits = { timeoutMs: LIST_TIMEOUT_MS, retryMs: 0 };
        const { plugin, capabilities } = await this.#activate(client, limits, signal);
        if (hasCapability(capabilities, capability)) plugins.push(plugin);
      } catch (error) {
        signal?.throwIfAborted();
        warnings.push(messageOf(error));
      }
    };
    await Promise.all(listPluginNames(this.#options.folders).map(ask));
    plugins.sort((left, right) => (left.name < right.name ? -1 : 1));
    return { plugins, warnings };
  }

  mayHave(name: string, capability: PluginCapability): boolean {
    const managed = this.#options.managed?.find(name);
    if (managed) return hasCapability(managed.capabilities, capability);
    const client = this.#clientOf(name);
    const known = client && this.#activated.get(keyOf(client));
    return known ? hasCapability(known.capabilities, capability) : client !== undefined;
  }

  knownNames(capability: PluginCapability): readonly string[] {
    const active = [...this.#activated.values()].filter(({ capabilities }) =>
      hasCapability(capabilities, capability),
    );
    const names = [...this.#managed(capability), ...active.map(({ plugin }) => plugin)].map(
      ({ name }) => name,
    );
    return [...new Set(names)].sort();
  }

  #managed(capability: PluginCapability): ManagedPlugin[] {
    const all = this.#options.managed?.list() ?? [];
    return all.filter(
      ({ isEnabled, capabilities }) => isEnabled && hasCapability(capabilities, capability),
    );
  }

  #clientOf(name: string): PluginClient | undefined {
    const address = findPluginAddress(this.#options.folders, name);
    return address && new PluginClient({ name, address, sleep: this.#options.sleep });
  }

  async #activate(
    client: PluginClient,
    limits: { readonly timeoutMs: number; readonly retryMs: number },
    signal: AbortSignal | undefined,
  ): Promise<Activated> {
    const key = keyOf(client);
    const known = this.#activated.get(key);
    if (known) return known;
    const capabilities = await client.call(
      "Plugin.Activate",
      undefined,
      (answer) => answer.strings("Implements") ?? [],
      { ...limits, ...(signal ? { signal } : {}) },
    );
    const plugin = { name: client.name, client, hostPath: (path: string) => path };
    const activated: Activated = { plugin, capabilities };
    this.#activated.set(key, activated);
    return activated;
  }
}

function keyOf({ name, address }: PluginClient): string {
  return `${name} ${formatPluginAddress(address)}`;
}

function notFound(name: string): NotFoundError {
  return new NotFoundError(`plugin ${JSON.stringify(name)} not found`);
}

/** Without regard to case: plugins write `VolumeDriver`, the types of managed ones `volumedriver`. */
function hasCapability(capabilities: readonly string[], wanted: PluginCapability): boolean {
  return capabilities.some((capability) => capability.toLowerCase() === wanted.toLowerCase());
}
