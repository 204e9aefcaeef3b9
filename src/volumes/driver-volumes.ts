import {
  ConflictError,
  FailedPreconditionError,
  messageOf,
  NotFoundError,
  UnavailableError,
  WharfError,
} from "#base/errors.ts";
import {
  type DriverVolume,
  LOCAL_DRIVER,
  type VolumeDriver,
  type VolumeDrivers,
} from "./driver.ts";
import type { VolumeDetails, VolumeRecord } from "./volumes.ts";

/** What drivers know of volumes: plugins know theirs better than our records do. */
export class DriverVolumes {
  readonly #local: VolumeDriver;
  readonly #plugins: VolumeDrivers;
  readonly #warn: (message: string) => void;

  constructor(options: {
    readonly local: VolumeDriver;
    readonly plugins: VolumeDrivers;
    readonly warn: (message: string) => void;
  }) {
    this.#local = options.local;
    this.#plugins = options.plugins;
    this.#warn = options.warn;
  }

  /** The driver that is to make a volume; the local one for no name. @throws {NotFoundError} No such plugin. */
  async driverFor(
    volumeName: string,
    driverName: string,
    signal: AbortSignal | undefined,
  ): Promise<VolumeDriver> {
    if (driverName === "" || driverName === LOCAL_DRIVER) return this.#local;
    try {
      return await this.#plugins.get(driverName, signal);
    } catch (error) {
      throw withContext(
        `create ${volumeName}: error looking up volume plugin ${driverName}: `,
        error,
      );
    }
  }

  /** What its driver says of a volume of ours; undefined where it has it no more. */
  async ask(
    { name, driver }: VolumeRecord,
    signal: AbortSignal | undefined,
    context: string,
  ): Promise<DriverVolume | undefined> {
    try {
      return await (await this.#plugins.get(driver, signal)).get(name, signal);
    } catch (error) {
      const what = `error while checking if volume "${name}" exists in driver "${driver}": `;
      throw withContext(context + what, error);
    }
  }

  /** A volume that a plugin has and we did not make. Plugins that do not answer are passed over. */
  async find(name: string, signal?: AbortSignal): Promise<VolumeDetails | undefined> {
    const { drivers } = await this.#plugins.list(signal);
    for (const driver of drivers) {
      try {
        const found = await driver.get(name, signal);
        if (!found) continue;
        const { status } = found;
        const volume = foreignVolume(driver, { ...found, name });
        return { volume, ...(status ? { status } : {}) };
      } catch (error) {
        signal?.throwIfAborted();
        this.#warn(messageOf(error));
      }
    }
    return undefined;
  }

  /**
   * Records and what the plugins have, by name.
   *
   * @returns Warnings about plugins that do not answer, beside the volumes.
   */
  async listWith(
    known: readonly VolumeRecord[],
    signal?: AbortSignal,
  ): Promise<{ readonly volumes: readonly VolumeRecord[]; readonly warnings: readonly string[] }> {
    const { drivers, warnings } = await this.#plugins.list(signal);
    const problems = [...warnings];
    const byName = new Map(known.map((volume) => [volume.name, volume]));
    await Promise.all(
      drivers.map(async (driver) => {
        try {
          for (const found of await driver.list(signal)) {
            const record = byName.get(found.name);
            if (record && record.driver !== driver.name) continue;
            byName.set(
              found.name,
              record ? mergeVolume(record, found) : foreignVolume(driver, found),
            );
          }
        } catch (error) {
          signal?.throwIfAborted();
          problems.push(messageOf(error));
        }
      }),
    );
    const volumes = [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
    return { volumes, warnings: problems };
  }

  /** @param isForced Whether the plugin's refusal is only warned of. */
  async remove({ name, driver }: VolumeRecord, isForced: boolean): Promise<void> {
    try {
      await (await this.#plugins.get(driver)).remove(name);
    } catch (error) {
      if (!isForced) throw withContext(`remove ${name}: `, error);
      this.#warn(`Removing volume ${name} by force: ${messageOf(error)}`);
    }
  }
}

/** One that its plugin made by itself: no labels, no options. */
function foreignVolume(driver: VolumeDriver, found: DriverVolume): VolumeRecord {
  return {
    name: found.name,
    driver: driver.name,
    scope: driver.scope,
    mountpoint: found.mountpoint,
    labels: {},
    options: {},
    createdMs: found.createdMs ?? 0,
    isAnonymous: false,
  };
}

export function mergeVolume(volume: VolumeRecord, found: DriverVolume): VolumeRecord {
  return {
    ...volume,
    mountpoint: found.mountpoint || volume.mountpoint,
    createdMs: found.createdMs ?? volume.createdMs,
  };
}

/** The same kind of error, saying what was attempted. */
export function withContext(context: string, error: unknown): unknown {
  if (!(error instanceof WharfError)) return error;
  const message = context + error.message;
  switch (error.kind) {
    case "not-found":
      return new NotFoundError(message, { cause: error });
    case "conflict":
      return new ConflictError(message, { cause: error });
    case "unavailable":
      return new UnavailableError(message, { cause: error });
    case "failed-precondition":
      return new FailedPreconditionError(message, { cause: error });
    default:
      return error;
  }
}
