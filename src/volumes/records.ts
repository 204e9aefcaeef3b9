import type { CollectionDefinition } from "#store/store.ts";
import type { VolumeRecord } from "./volumes.ts";

export interface StoredVolume {
  readonly volume: VolumeRecord;
  /** Its removal has begun and will be completed; nobody sees it any more. */
  readonly isRemoving?: true;
}

/** A container that a volume belongs to, from create to remove. */
export interface VolumeUser {
  readonly volumeName: string;
  readonly containerId: string;
  /** It runs, with the driver's mount in use. Kept only for volumes that need one. */
  readonly holdsMount: boolean;
}

/** By name. */
export const VOLUMES: CollectionDefinition<StoredVolume> = { name: "volumes", version: 1 };

/** By `volume name/container id`. */
export const VOLUME_USERS: CollectionDefinition<VolumeUser> = {
  name: "volumeusers",
  version: 1,
  indexes: { volume: ({ volumeName }) => [volumeName] },
};
