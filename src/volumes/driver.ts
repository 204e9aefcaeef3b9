import type { VolumeRecord } from "./volumes.ts";

/** What a driver knows of a volume. */
export interface DriverVolume {
  readonly name: string;
  /** Absolute path on the host; empty while it is mounted nowhere. */
  readonly mountpoint: string;
  readonly createdMs?: number;
  /** The driver's own words on its state, as JSON. */
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Makes, mounts and removes volumes; the records, and who uses them, are the service's. */
export interface VolumeDriver {
  readonly name: string;
  readonly scope: "local" | "global";
  create(
    name: string,
    options: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** @returns Undefined where the driver has no such volume. */
  get(name: string, signal?: AbortSignal): Promise<DriverVolume | undefined>;
  list(signal?: AbortSignal): Promise<readonly DriverVolume[]>;
  remove(name: string): Promise<void>;
  /**
   * Makes the volume ready for one more user.
   *
   * @param userId Told apart from others by the driver; the same for `unmount`.
   * @param signal After an abort the volume may or may not be mounted: unmount it.
   * @returns Path on the host.
   */
  mount(volume: VolumeRecord, userId: string, signal?: AbortSignal): Promise<string>;
  unmount(name: string, userId: string): Promise<void>;
}

/** The drivers that are not the engine's own. */
export interface VolumeDrivers {
  /** @throws {NotFoundError} `plugin "x" not found`. {UnavailableError} It does not answer. */
  get(name: string, signal?: AbortSignal): Promise<VolumeDriver>;
  /** All that answer, and what is to be said of those that do not. */
  list(signal?: AbortSignal): Promise<{
    readonly drivers: readonly VolumeDriver[];
    readonly warnings: readonly string[];
  }>;
}

export const LOCAL_DRIVER = "local";
