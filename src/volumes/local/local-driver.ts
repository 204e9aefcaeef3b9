import { lookup } from "node:dns/promises";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import { type DriverVolume, LOCAL_DRIVER, type VolumeDriver } from "#volumes/driver.ts";
import type { VolumeRecord } from "#volumes/volumes.ts";
import { fillVolume, finishFill } from "./fill.ts";
import { parseLocalOptions, serverNameOf, withServerAddress } from "./local-options.ts";

export interface LocalDriverOptions {
  readonly files: Pick<Files, "diskUsage">;
  readonly mounts: Pick<Mounts, "mount" | "unmount" | "list">;
  readonly processes: Pick<Processes, "run">;
  /** `<data root>/volumes`. */
  readonly directory: string;
}

/**
 * Volumes of this host: `<directory>/<name>/_data`, or what the volume's options say is mounted there. What
 * is mounted is shared by all users: the service calls `unmount` for the last one only.
 */
export class LocalDriver implements VolumeDriver {
  readonly name: string = LOCAL_DRIVER;
  readonly scope = "local";
  readonly #options: LocalDriverOptions;

  constructor(options: LocalDriverOptions) {
    this.#options = options;
  }

  async create(name: string): Promise<void> {
    try {
      this.#makeFolder(name);
    } catch (error) {
      await rm(this.#directoryOf(name), { recursive: true, force: true });
      throw error;
    }
  }

  /** @throws {InvalidArgumentError} With Docker's texts; before anything is made. */
  check(name: string, options: Readonly<Record<string, string>>): void {
    parseLocalOptions(name, options);
  }

  async get(name: string): Promise<DriverVolume | undefined> {
    const mountpoint = this.mountpointOf(name);
    return existsSync(mountpoint) ? { name, mountpoint } : undefined;
  }

  /** All of them are recorded: there are none that only the driver knows. */
  async list(): Promise<readonly DriverVolume[]> {
    return [];
  }

  /** Also finishes what a crash left of an earlier removal. */
  async remove(name: string): Promise<void> {
    // A driver's mount is somebody else's data: off it comes, or `rm` would go through it.
    while (this.#isMounted(name)) this.#options.mounts.unmount(this.mountpointOf(name));
    await rm(this.#directoryOf(name), { recursive: true, force: true });
  }

  /** Idempotent: nothing happens where the folder has gone over already. */
  rename(name: string, newName: string): void {
    if (existsSync(this.#directoryOf(name)) && !existsSync(this.#directoryOf(newName))) {
      renameSync(this.#directoryOf(name), this.#directoryOf(newName));
    }
  }

  /** Whether using it takes a mount. */
  needsMount(volume: VolumeRecord): boolean {
    return parseLocalOptions(volume.name, volume.options) !== undefined;
  }

  async mount({ name, options, mountpoint }: VolumeRecord): Promise<string> {
    const wanted = parseLocalOptions(name, options);
    this.#makeFolder(name);
    if (!wanted || this.#isMounted(name)) return mountpoint;
    try {
      const server = serverNameOf(wanted);
      const mount =
        server === undefined ? wanted : withServerAddress(wanted, (await lookup(server)).address);
      this.#options.mounts.mount({ ...mount, target: mountpoint });
    } catch (error) {
      throw new FailedPreconditionError(
        `error while mounting volume '${mountpoint}': failed to mount local volume: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return mountpoint;
  }

  async unmount(name: string): Promise<void> {
    this.unmountNow(name);
  }

  /** One quick system call, for within a transaction. */
  unmountNow(name: string): void {
    this.#options.mounts.unmount(this.mountpointOf(name));
  }

  /** As `Volumes.fill`. */
  async fill(
    name: string,
    from: { readonly rootfsPath: string; readonly destination: string },
    signal: AbortSignal,
  ): Promise<void> {
    const volumeDir = this.#isMounted(name) ? undefined : this.#directoryOf(name);
    const beside = volumeDir === undefined ? {} : { volumeDir };
    const request = { ...from, ...beside, dataPath: this.mountpointOf(name) };
    await fillVolume(request, this.#options.processes, signal);
  }

  /** Finishes a copy that a crash interrupted. */
  async recover(name: string): Promise<void> {
    await finishFill(this.#directoryOf(name));
  }

  async measureBytes(name: string): Promise<number> {
    return (await this.#options.files.diskUsage(this.mountpointOf(name))).apparentBytes;
  }

  mountpointOf(name: string): string {
    return join(this.#directoryOf(name), "_data");
  }

  #directoryOf(name: string): string {
    return join(this.#options.directory, name);
  }

  #makeFolder(name: string): void {
    mkdirSync(this.#directoryOf(name), { recursive: true, mode: 0o701 });
    mkdirSync(this.mountpointOf(name), { recursive: true, mode: 0o755 });
  }

  #isMounted(name: string): boolean {
    const data = this.mountpointOf(name);
    return this.#options.mounts.list(data).some(({ target }) => target === data);
  }
}
