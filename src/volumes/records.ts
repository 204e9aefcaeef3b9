import type { CollectionDefinition } from "#store/store.ts";
import type { VolumeRecord } from "./volumes.ts";

export interface StoredVolume {
  readonly volume: VolumeRecord;
  /** Its removal has begun and will be completed; nobody sees it any more. */
  readonly isRemoving?: true;
  /** It is being given its content, and nobody sees it yet; after a crash it goes. */
  readonly isIncomplete?: true;
  /** A rename has begun: its folder may have this name. A crash undoes it. */
  readonly renamingTo?: string;
  /** Anonymous, made for a container that has not been recorded yet. */
  readonly isPending?: true;
}

/** A container that a volume belongs to, from create to remove. */
export interface VolumeUser {
  readonly volumeName: string;
  readonly containerId: string;
  /** It runs, with the driver's mount in use. Kept only for volumes that need one. */
  readonly holdsMount: boolean;
  /** Where a plugin mounted it: a later daemon does not ask again. */
  readonly path?: string;
  /** The container is gone, and its plugin has yet to hear of it. */
  readonly isGone?: true;
}

/** By name. */
export const VOLUMES: CollectionDefinition<StoredVolume> = { name: "volumes", version: 1 };

/** By `volume name/container id`. */
export const VOLUME_USERS: CollectionDefinition<VolumeUser> = {
  name: "volumeusers",
  version: 1,
  indexes: { volume: ({ volumeName }) => [volumeName] },
};
