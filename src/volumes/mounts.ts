import type { KeyedMutex, Sleep } from "#base/async.ts";
import { InternalError, messageOf } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import { LOCAL_DRIVER, type VolumeDrivers } from "./driver.ts";
import { withContext } from "./driver-volumes.ts";
import { fillVolume } from "./local/fill.ts";
import type { LocalDriver } from "./local/local-driver.ts";
import { noSuchVolume, type VolumeRecords } from "./volume-records.ts";
import type { VolumeRecord } from "./volumes.ts";

/** How long a container's end waits for a plugin to unmount. */
const UNMOUNT_PATIENCE_MS = 2_000;

export interface VolumeMountsOptions {
  readonly records: VolumeRecords;
  readonly lanes: KeyedMutex;
  readonly local: LocalDriver;
  readonly plugins: VolumeDrivers;
  readonly processes: Pick<Processes, "run">;
  readonly sleep: Sleep;
  readonly warn: (message: string) => void;
}

/** Volumes in use: which container holds which mount, and what a plugin must be told. */
export class VolumeMounts {
  readonly #records: VolumeRecords;
  readonly #lanes: KeyedMutex;
  readonly #local: LocalDriver;
  readonly #plugins: VolumeDrivers;
  readonly #processes: Pick<Processes, "run">;
  readonly #sleep: Sleep;
  readonly #warn: (message: string) => void;

  constructor(options: VolumeMountsOptions) {
    this.#records = options.records;
    this.#lanes = options.lanes;
    this.#local = options.local;
    this.#plugins = options.plugins;
    this.#processes = options.processes;
    this.#sleep = options.sleep;
    this.#warn = options.warn;
  }

  /** The container is gone; a plugin is told when its mount is released. */
  dereference(name: string, containerId: string): void {
    const user = this.#records.user(name, containerId);
    if (user?.holdsMount && !this.#records.isLocal(name)) {
      this.#records.putUser({ ...user, isGone: true });
      return;
    }
    this.#unmountLocal(name, containerId);
    this.#records.deleteUser(name, containerId);
  }

  /** @returns The volume's folder on the host. */
  async mount(name: string, containerId: string, signal?: AbortSignal): Promise<string> {
    return await this.#lanes.run(name, () => this.#mount(name, containerId, signal), signal);
  }

  /** Waits for a plugin, but not for ever: its answer is taken when it comes. */
  async unmount(name: string, containerId: string): Promise<void> {
    if (this.#records.isLocal(name)) {
      await this.#lanes.run(name, async () => this.#unmountLocal(name, containerId));
      return;
    }
    if (!this.#records.user(name, containerId)?.holdsMount) return;
    const patience = new AbortController();
    await Promise.race([
      this.release(name, containerId),
      this.#sleep(UNMOUNT_PATIENCE_MS, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
  }

  /** @see Volumes.fill */
  async fill(
    name: string,
    containerId: string,
    from: { readonly rootfsPath: string; readonly destination: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#lanes.run(
      name,
      async () => {
        const user = this.#records.user(name, containerId);
        if (!this.#records.isLocal(name)) {
          if (user?.path === undefined) throw new InternalError(`Volume ${name} is not mounted`);
          const request = { ...from, dataPath: user.path };
          await fillVolume(request, this.#processes, signal);
          return;
        }
        const held = user?.holdsMount === true;
        await this.#mount(name, containerId, signal);
        try {
          await this.#local.fill(name, from, signal);
        } finally {
          if (!held) this.#unmountLocal(name, containerId);
        }
      },
      signal,
    );
  }

  async #mount(
    name: string,
    containerId: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const volume = this.#records.get(name);
    if (!volume) throw noSuchVolume(name);
    if (volume.driver !== LOCAL_DRIVER)
      return await this.#mountByPlugin(volume, containerId, signal);
    const local = this.#local;
    if (!local.needsMount(volume)) return await local.mount(volume);
    // Recorded first: after a crash in between, the container's unmount still finds what to undo.
    this.#holdMount(name, containerId, true);
    try {
      return await local.mount(volume);
    } catch (error) {
      this.#holdMount(name, containerId, false);
      throw error;
    }
  }

  async #mountByPlugin(
    volume: VolumeRecord,
    containerId: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { name, driver } = volume;
    const records = this.#records;
    const held = records.user(name, containerId);
    if (held?.holdsMount && held.path !== undefined) return held.path;
    const user = { volumeName: name, containerId, holdsMount: true };
    let isMaybeMounted = false;
    try {
      const found = await this.#plugins.get(driver, signal);
      records.putUser(user);
      isMaybeMounted = true;
      const path = await found.mount(volume, containerId, signal);
      records.putUser({ ...user, path });
      if (path !== volume.mountpoint) {
        this.#records.volumes.put(name, { volume: { ...volume, mountpoint: path } });
      }
      return path;
    } catch (error) {
      // it may have mounted and not have told: in the lane this comes after us
      if (isMaybeMounted) void this.release(name, containerId);
      throw withContext(`error while mounting volume '${name}': `, error);
    }
  }

  /** Tells the plugin that the user is gone. Never rejects: a mount that a plugin keeps is its own to mend. */
  async release(name: string, containerId: string): Promise<void> {
    const records = this.#records;
    await this.#lanes.run(name, async () => {
      const driver = records.volumes.get(name)?.volume.driver;
      if (!records.user(name, containerId)?.holdsMount) return;
      try {
        if (driver !== undefined)
          await (await this.#plugins.get(driver)).unmount(name, containerId);
      } catch (error) {
        this.#warn(
          `Cannot unmount volume ${name} of container ${containerId}: ${messageOf(error)}`,
        );
      }
      if (records.user(name, containerId)?.isGone) records.deleteUser(name, containerId);
      else records.putUser({ volumeName: name, containerId, holdsMount: false });
    });
  }

  #unmountLocal(name: string, containerId: string): void {
    if (this.#records.user(name, containerId)?.holdsMount !== true) return;
    const others = this.#records
      .usersOf(name)
      .some((user) => user.holdsMount && user.containerId !== containerId);
    if (!others) this.#local.unmountNow(name);
    this.#holdMount(name, containerId, false);
  }

  #holdMount(name: string, containerId: string, holdsMount: boolean): void {
    this.#records.putUser({ volumeName: name, containerId, holdsMount });
  }
}
