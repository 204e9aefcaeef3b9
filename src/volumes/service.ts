import { lookup } from "node:dns/promises";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { KeyedMutex } from "#base/async.ts";
import { ConflictError, FailedPreconditionError, messageOf, NotFoundError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import {
  booleanFilter,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesName,
} from "#spec/engine-api/filters.ts";
import { newVolumeName, parseVolumeName, type RandomBytes } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { fillVolume, finishFill } from "./local/fill.ts";
import { parseLocalOptions, serverNameOf, withServerAddress } from "./local/local-options.ts";
import type { StoredVolume, VolumeUser } from "./records.ts";
import { isPrunable } from "./prunable.ts";
import type { VolumeRecord, Volumes } from "./volumes.ts";

/** Docker's mark of a volume that was made without a name. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

export interface LocalVolumesOptions {
  readonly volumes: Collection<StoredVolume>;
  readonly users: Collection<VolumeUser>;
  readonly clock: Pick<Clock, "nowMs">;
  readonly files: Pick<Files, "diskUsage">;
  readonly mounts: Pick<Mounts, "mount" | "unmount" | "list">;
  readonly processes: Pick<Processes, "run">;
  readonly directory: string;
  readonly randomBytes: RandomBytes;
}

/**
 * Volumes of the local driver: `<directory>/<name>/_data`, or what the volume's options say is mounted
 * there. A volume is recorded before its folder is made, and marked before that is removed, so that a crash
 * leaves neither a folder without a record nor a record that shows half a volume.
 */
export class LocalVolumes implements Volumes {
  readonly #options: LocalVolumesOptions;
  /** One change at a time for each volume. */
  readonly #lanes = new KeyedMutex();

  constructor(options: LocalVolumesOptions) {
    this.#options = options;
  }

  /** Once, before anything else. */
  async recover(): Promise<void> {
    for (const [name, stored] of this.#options.volumes.entries()) {
      if (stored.isRemoving) await this.#erase(name);
      else await finishFill(this.#directoryOf(name));
    }
  }

  async create(request: {
    readonly name?: string;
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
  }): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }> {
    const isAnonymous = !request.name;
    const name = request.name
      ? parseVolumeName(request.name)
      : newVolumeName(this.#options.randomBytes);
    const driver = request.driver || "local";
    const options = request.options ?? {};
    return await this.#lanes.run(name, async () => {
      const existing = this.get(name);
      if (existing && (!request.driver || existing.driver === driver)) {
        return { volume: existing, isNew: false };
      }
      if (existing) {
        throw new ConflictError(
          `create ${name}: driver '${existing.driver}' already has volume '${name}': volume name must be unique`,
        );
      }
      if (driver !== "local") {
        throw new NotFoundError(
          `create ${name}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`,
        );
      }
      parseLocalOptions(name, options);
      const volume: VolumeRecord = {
        name,
        driver,
        mountpoint: this.#dataOf(name),
        labels: { ...request.labels, ...(isAnonymous ? { [ANONYMOUS_LABEL]: "" } : {}) },
        options,
        createdMs: this.#options.clock.nowMs(),
        isAnonymous,
      };
      this.#options.volumes.put(name, { volume });
      this.#makeFolder(name);
      return { volume, isNew: true };
    });
  }

  get(name: string): VolumeRecord | undefined {
    const stored = this.#options.volumes.get(name);
    return stored?.isRemoving ? undefined : stored?.volume;
  }

  list(filters: Filters): readonly VolumeRecord[] {
    const wantsDangling = booleanFilter(filters, "dangling");
    return this.#all().filter(
      ({ name, driver, labels }) =>
        matchesName(filters, "name", name) &&
        matchesExactly(filters, "driver", driver) &&
        matchesLabels(filters, labels) &&
        (wantsDangling === undefined || wantsDangling === (this.usersOf(name).length === 0)),
    );
  }

  async remove(name: string, options: { readonly force: boolean }): Promise<void> {
    await this.#lanes.run(name, async () => {
      if (!this.get(name)) {
        if (options.force) return;
        throw new NotFoundError(`get ${name}: no such volume`);
      }
      const users = this.usersOf(name);
      if (users.length > 0) {
        throw new ConflictError(`remove ${name}: volume is in use - [${users.join(", ")}]`);
      }
      await this.#remove(name);
    });
  }

  async prune(
    filters: Filters,
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }> {
    const names: string[] = [];
    let reclaimedBytes = 0;
    for (const { name } of this.#all().filter((volume) => isPrunable(volume, filters))) {
      await this.#lanes.run(name, async () => {
        if (!this.get(name) || this.usersOf(name).length > 0) return;
        const { bytes } = await this.#measure(name);
        if (this.usersOf(name).length > 0) return;
        await this.#remove(name);
        names.push(name);
        reclaimedBytes += bytes;
      });
    }
    return { names, reclaimedBytes };
  }

  reference(name: string, containerId: string): void {
    const key = userKey(name, containerId);
    if (!this.get(name)) throw new NotFoundError(`get ${name}: no such volume`);
    if (this.#options.users.get(key)) return;
    this.#options.users.put(key, { volumeName: name, containerId, holdsMount: false });
  }

  dereference(name: string, containerId: string): void {
    this.#unmount(name, containerId);
    this.#options.users.delete(userKey(name, containerId));
  }

  usersOf(name: string): readonly string[] {
    return this.#usersOf(name).map(({ containerId }) => containerId);
  }

  async mount(name: string, containerId: string): Promise<string> {
    return await this.#lanes.run(name, () => this.#mount(name, containerId));
  }

  async unmount(name: string, containerId: string): Promise<void> {
    await this.#lanes.run(name, async () => this.#unmount(name, containerId));
  }

  async fill(
    name: string,
    containerId: string,
    from: { readonly rootfsPath: string; readonly destination: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#lanes.run(
      name,
      async () => {
        const held = this.#options.users.get(userKey(name, containerId))?.holdsMount === true;
        await this.#mount(name, containerId);
        try {
          const request = {
            ...from,
            volumeDir: this.#directoryOf(name),
            isMounted: this.#isMounted(name),
          };
          await fillVolume(request, this.#options.processes, signal);
        } finally {
          if (!held) this.#unmount(name, containerId);
        }
      },
      signal,
    );
  }

  async usage(name: string): Promise<{ readonly bytes: number }> {
    if (!this.get(name)) throw new NotFoundError(`get ${name}: no such volume`);
    return await this.#measure(name);
  }

  #all(): readonly VolumeRecord[] {
    return this.#options.volumes
      .entries()
      .filter(([, stored]) => !stored.isRemoving)
      .map(([, { volume }]) => volume);
  }

  #usersOf(name: string): readonly VolumeUser[] {
    return this.#options.users.findBy("volume", name).map(([, user]) => user);
  }

  #directoryOf(name: string): string {
    return join(this.#options.directory, name);
  }

  #dataOf(name: string): string {
    return join(this.#directoryOf(name), "_data");
  }

  #makeFolder(name: string): void {
    mkdirSync(this.#directoryOf(name), { recursive: true, mode: 0o701 });
    mkdirSync(this.#dataOf(name), { recursive: true, mode: 0o755 });
  }

  async #measure(name: string): Promise<{ readonly bytes: number }> {
    const { apparentBytes } = await this.#options.files.diskUsage(this.#dataOf(name));
    return { bytes: apparentBytes };
  }

  #isMounted(name: string): boolean {
    const data = this.#dataOf(name);
    return this.#options.mounts.list(data).some(({ target }) => target === data);
  }

  async #mount(name: string, containerId: string): Promise<string> {
    const volume = this.get(name);
    if (!volume) throw new NotFoundError(`get ${name}: no such volume`);
    const wanted = parseLocalOptions(name, volume.options);
    this.#makeFolder(name);
    if (!wanted) return volume.mountpoint;
    // Recorded first: after a crash in between, the container's unmount still finds what to undo.
    this.#holdMount(name, containerId, true);
    if (this.#isMounted(name)) return volume.mountpoint;
    try {
      const server = serverNameOf(wanted);
      const mount =
        server === undefined ? wanted : withServerAddress(wanted, (await lookup(server)).address);
      this.#options.mounts.mount({ ...mount, target: volume.mountpoint });
    } catch (error) {
      this.#holdMount(name, containerId, false);
      throw new FailedPreconditionError(
        `error while mounting volume '${volume.mountpoint}': failed to mount local volume: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return volume.mountpoint;
  }

  #unmount(name: string, containerId: string): void {
    if (this.#options.users.get(userKey(name, containerId))?.holdsMount !== true) return;
    const others = this.#usersOf(name).some(
      (user) => user.holdsMount && user.containerId !== containerId,
    );
    if (!others) this.#options.mounts.unmount(this.#dataOf(name));
    this.#holdMount(name, containerId, false);
  }

  #holdMount(name: string, containerId: string, holdsMount: boolean): void {
    const user = { volumeName: name, containerId, holdsMount };
    this.#options.users.put(userKey(name, containerId), user);
  }

  async #remove(name: string): Promise<void> {
    const stored = this.#options.volumes.get(name);
    if (stored) this.#options.volumes.put(name, { ...stored, isRemoving: true });
    await this.#erase(name);
  }

  async #erase(name: string): Promise<void> {
    // A driver's mount is somebody else's data: off it comes, or `rm` would go through it.
    while (this.#isMounted(name)) this.#options.mounts.unmount(this.#dataOf(name));
    await rm(this.#directoryOf(name), { recursive: true, force: true });
    this.#options.volumes.delete(name);
  }
}

function userKey(name: string, containerId: string): string {
  return `${name}/${containerId}`;
}
