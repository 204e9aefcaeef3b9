import type { CollectionDefinition } from "#store/store.ts";
import type { PluginConfig } from "./plugin-config.ts";
import type { PluginSettings } from "./settings.ts";

export interface ManagedPluginRecord {
  /** 64 hex digits. */
  readonly id: string;
  /** With its tag: `keeper:latest`. */
  readonly name: string;
  readonly isEnabled: boolean;
  readonly config: PluginConfig;
  readonly settings: PluginSettings;
  /** Where it was pulled from: `example.org/keeper:1`; absent where it was made here. */
  readonly reference?: string;
  /** Folder of its files below its own, once it was upgraded; absent for its own. */
  readonly version?: string;
  /** For one answer of the plugin, as given to `plugin enable`. */
  readonly timeoutSeconds: number;
}

/** By id. */
export const MANAGED_PLUGINS: CollectionDefinition<ManagedPluginRecord> = {
  name: "managedplugins",
  version: 1,
};

/** `docker.volumedriver/1.0` is a `volumedriver`. */
export function capabilitiesOf({ config }: ManagedPluginRecord): readonly string[] {
  return config.Interface.Types.flatMap(
    (type) => /^(?:docker|moby)\.([a-z]+)\/[^/]+$/.exec(type)?.[1] ?? [],
  );
}
