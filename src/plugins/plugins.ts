import type { PluginClient } from "./client.ts";

/** What a plugin can be; the words of `Plugin.Activate`. */
export type PluginCapability =
  | "VolumeDriver"
  | "authz"
  | "LogDriver"
  | "NetworkDriver"
  | "IpamDriver";

/** A plugin that has said what it is. */
export interface Plugin {
  readonly name: string;
  readonly client: PluginClient;
  /** Where the engine sees a path that the plugin speaks of. */
  hostPath(path: string): string;
}

/** A plugin that the engine itself runs. */
export interface ManagedPlugin extends Plugin {
  readonly isEnabled: boolean;
  readonly capabilities: readonly string[];
}

/** Where managed plugins come from. They are looked for before the host's. */
export interface PluginSource {
  /** By name, with or without the tag `latest`. */
  find(name: string): ManagedPlugin | undefined;
  list(): readonly ManagedPlugin[];
}

export interface Plugins {
  /**
   * Finds a plugin and, where it has not yet said so, asks it for its capabilities.
   *
   * @throws {NotFoundError} `plugin "x" not found`; also where it lacks the capability. {ConflictError} It is disabled.
   *   {UnavailableError} It does not answer, within Docker's 30 seconds of retries.
   */
  get(name: string, capability: PluginCapability, signal?: AbortSignal): Promise<Plugin>;
  /**
   * All that answer and have the capability. One that does not answer is asked once, and reported.
   */
  list(
    capability: PluginCapability,
    signal?: AbortSignal,
  ): Promise<{ readonly plugins: readonly Plugin[]; readonly warnings: readonly string[] }>;
  /** Whether one of that name is there and may, as far as is known without asking it, have the capability. */
  mayHave(name: string, capability: PluginCapability): boolean;
  /** Names of those known to have the capability, without asking any. */
  knownNames(capability: PluginCapability): readonly string[];
}
