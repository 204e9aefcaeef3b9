import type { OverlayMount } from "#host/mounts.ts";

export interface ScratchUse {
  /** What is written need not survive a power cut. */
  readonly isScratch?: boolean;
}

/** What puts the stacked folders into view. */
export interface OverlayStacker {
  /** Name of the driver, and of its folder. */
  readonly driver: string;
  /** Rows for `docker info`. */
  status(directory: string): readonly (readonly [name: string, value: string])[];
  /** Why a container's size cannot be limited, in Docker's words. */
  readonly noSizeMessage: string;
  /** Whether layers may be in a mount that maps their owners. */
  readonly mapsOwners: boolean;
  /** Whether an unmounted layer's folders are let go of at once, so that they may be moved. */
  readonly unmountsAtOnce: boolean;
  /** Whether a mount that works is there. */
  isMounted(target: string): Promise<boolean>;
  mount(mount: OverlayMount & ScratchUse): Promise<void>;
}
