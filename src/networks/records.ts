import type { NetworkId } from "#spec/ids.ts";
import type { CollectionDefinition } from "#store/store.ts";
import type { EndpointRecord } from "./driver.ts";
import type { DnsSettings, NetworkRecord, Sandbox } from "./networks.ts";

/** A sandbox as recorded, before any of it is made: what a crash leaves is in here whole. */
export interface SandboxRecord extends Sandbox {
  readonly containerName: string;
  readonly endpoints: readonly EndpointRecord[];
  readonly dns?: DnsSettings;
  /**
   * An endpoint that was coming or going: a restarted daemon takes its device away, and makes it anew where it is one
   * of `endpoints`.
   */
  readonly unfinished?: EndpointRecord;
}

export const NETWORKS: CollectionDefinition<NetworkRecord> = { name: "networks", version: 1 };

/** By container id: a container has at most one. Namespaces and links end with the boot, and so may these. */
export const SANDBOXES: CollectionDefinition<SandboxRecord> = {
  name: "sandboxes",
  version: 1,
  survives: "crash",
};

/** A device that is being made and does not carry the engine's alias yet. */
export interface DeviceIntent {
  readonly networkId: NetworkId;
}

/** By name of the device. */
export const DEVICE_INTENTS: CollectionDefinition<DeviceIntent> = {
  name: "bridgeintents",
  version: 1,
};
