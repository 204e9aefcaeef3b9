import { KeyedMutex, type Sleep } from "#base/async.ts";
import { ConflictError, InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Processes } from "#host/processes.ts";
import {
  booleanFilter,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesName,
} from "#spec/engine-api/filters.ts";
import { newVolumeName, parseVolumeName, type RandomBytes } from "#spec/ids.ts";
import type { Collection, Store } from "#store/store.ts";
import { LOCAL_DRIVER, type VolumeDrivers } from "./driver.ts";
import { DriverVolumes, mergeVolume, withContext } from "./driver-volumes.ts";
import type { LocalDriver } from "./local/local-driver.ts";
import { VolumeMounts } from "./mounts.ts";
import { isPrunable } from "./prunable.ts";
import type { StoredVolume, VolumeUser } from "./records.ts";
import { noSuchVolume, VolumeRecords } from "./volume-records.ts";
import type {
  HeldVolume,
  VolumeCreateRequest,
  VolumeDetails,
  VolumeEvent,
  VolumeRecord,
  Volumes,
} from "./volumes.ts";

/** Docker's mark of a volume that was made without a name. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

export interface VolumeServiceOptions {
  readonly store: Pick<Store, "transaction">;
  readonly volumes: Collection<StoredVolume>;
  readonly users: Collection<VolumeUser>;
  readonly clock: Pick<Clock, "nowMs">;
  readonly local: LocalDriver;
  readonly processes: Pick<Processes, "run">;
  readonly plugins: VolumeDrivers;
  readonly randomBytes: RandomBytes;
  readonly sleep: Sleep;
  readonly onEvent: (event: VolumeEvent) => void;
  readonly warn: (message: string) => void;
}

/**
 * The records of volumes and their users; drivers do the rest. A volume is recorded before its driver makes it,
 * and one of the local driver is marked before it is removed, so that a crash leaves neither a folder without
 * a record nor a record that shows half a volume. Plugins know their volumes better than we do: theirs are asked for.
 */
export class VolumeService implements Volumes {
  readonly #options: VolumeServiceOptions;
  /** One change at a time for each volume. */
  readonly #lanes = new KeyedMutex();
  /** Users that are the engine itself. */
  readonly #holds = new Set<string>();

  readonly #records: VolumeRecords;
  readonly #atDrivers: DriverVolumes;
  readonly #mounts: VolumeMounts;

  constructor(options: VolumeServiceOptions) {
    this.#options = options;
    this.#records = new VolumeRecords(options.volumes, options.users);
    this.#atDrivers = new DriverVolumes(options);
    this.#mounts = new VolumeMounts({ ...options, records: this.#records, lanes: this.#lanes });
  }

  /** Once, before anything else. */
  async recover(): Promise<void> {
    const { volumes, users, local } = this.#options;
    for (const [name, stored] of volumes.entries()) {
      if (stored.volume.driver !== LOCAL_DRIVER) continue;
      if (stored.renamingTo !== undefined) {
        local.rename(stored.renamingTo, name);
        volumes.put(name, { volume: stored.volume });
      }
      if (stored.isRemoving || stored.isPending || stored.isIncomplete) {
        await this.#eraseLocal(name);
      } else await local.recover(name);
    }
    for (const [, user] of users.entries()) {
      if (user.isGone) void this.#mounts.release(user.volumeName, user.containerId);
    }
  }

  async create(
    request: VolumeCreateRequest,
    signal?: AbortSignal,
  ): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }> {
    const name = request.name
      ? parseVolumeName(request.name)
      : newVolumeName(this.#options.randomBytes);
    return await this.#lanes.run(
      name,
      async () => {
        const existing = await this.#existing(name, request, signal);
        if (existing) return { volume: existing, isNew: false };
        const volume = await this.#make(name, request, signal);
        this.#options.onEvent({ action: "create", name, driver: volume.driver });
        return { volume, isNew: true };
      },
      signal,
    );
  }

  get(name: string): VolumeRecord | undefined {
    return this.#records.get(name);
  }

  async inspect(name: string, signal?: AbortSignal): Promise<VolumeDetails> {
    const volume = this.get(name);
    if (volume?.driver === LOCAL_DRIVER) return { volume };
    if (!volume) {
      const found = await this.#atDrivers.find(name, signal);
      if (found) return found;
      throw noSuchVolume(name);
    }
    const found = await this.#atDrivers.ask(volume, signal, `get ${name}: `);
    if (!found) {
      this.#records.forgetUnused(name);
      throw noSuchVolume(name);
    }
    const { status } = found;
    return { volume: mergeVolume(volume, found), ...(status ? { status } : {}) };
  }

  list(filters: Filters): readonly VolumeRecord[] {
    return this.#filter(this.#records.all(), filters);
  }

  async listAll(
    filters: Filters,
    signal?: AbortSignal,
  ): Promise<{ readonly volumes: readonly VolumeRecord[]; readonly warnings: readonly string[] }> {
    const { volumes, warnings } = await this.#atDrivers.listWith(this.#records.all(), signal);
    return { volumes: this.#filter(volumes, filters), warnings };
  }

  async remove(name: string, options: { readonly force: boolean }): Promise<void> {
    await this.#lanes.run(name, async () => {
      const volume = this.get(name) ?? (await this.#atDrivers.find(name))?.volume;
      if (!volume) {
        if (options.force) return;
        throw noSuchVolume(name);
      }
      const users = this.usersOf(name);
      if (users.length > 0) {
        throw new ConflictError(`remove ${name}: volume is in use - [${users.join(", ")}]`);
      }
      if (volume.driver === LOCAL_DRIVER) await this.#removeLocal(name);
      else {
        await this.#atDrivers.remove(volume, options.force);
        this.#options.volumes.delete(name);
      }
      this.#options.onEvent({ action: "destroy", name, driver: volume.driver });
    });
  }

  async prune(
    filters: Filters,
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }> {
    const names: string[] = [];
    let reclaimedBytes = 0;
    for (const { name } of this.#records.all().filter((volume) => isPrunable(volume, filters))) {
      await this.#lanes.run(name, async () => {
        if (this.#records.isNotToPrune(name)) return;
        const bytes = await this.#options.local.measureBytes(name);
        if (this.#records.isNotToPrune(name)) return;
        await this.#removeLocal(name);
        names.push(name);
        reclaimedBytes += bytes;
      });
    }
    return { names, reclaimedBytes };
  }

  reference(name: string, containerId: string): void {
    this.#records.reference(name, containerId);
  }

  dereference(name: string, containerId: string): void {
    this.#mounts.dereference(name, containerId);
  }

  usersOf(name: string): readonly string[] {
    return this.#records.userIdsOf(name);
  }

  isHold(userId: string): boolean {
    return this.#holds.has(userId);
  }

  isRecorded(name: string): boolean {
    return this.#options.volumes.get(name) !== undefined;
  }

  async mount(name: string, containerId: string, signal?: AbortSignal): Promise<string> {
    return await this.#mounts.mount(name, containerId, signal);
  }

  async unmount(name: string, containerId: string): Promise<void> {
    await this.#mounts.unmount(name, containerId);
  }

  async fill(
    name: string,
    containerId: string,
    from: { readonly rootfsPath: string; readonly destination: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#mounts.fill(name, containerId, from, signal);
  }

  async createFilled(
    request: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
    give: (path: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<VolumeRecord> {
    const { volumes, local, clock, onEvent } = this.#options;
    const name = parseVolumeName(request.name);
    return await this.#lanes.run(
      name,
      async () => {
        if (this.get(name) ?? (await this.#atDrivers.find(name, signal))) {
          throw new ConflictError(
            `create ${name}: a volume of that name is there already: remove it, or choose another name`,
          );
        }
        const volume: VolumeRecord = {
          name,
          driver: LOCAL_DRIVER,
          scope: "local",
          mountpoint: local.mountpointOf(name),
          labels: request.labels,
          options: {},
          createdMs: clock.nowMs(),
          isAnonymous: false,
        };
        volumes.put(name, { volume, isIncomplete: true });
        try {
          await local.create(name);
          await give(volume.mountpoint);
          signal?.throwIfAborted();
        } catch (error) {
          await this.#eraseLocal(name);
          throw error;
        }
        volumes.put(name, { volume });
        onEvent({ action: "create", name, driver: LOCAL_DRIVER });
        return volume;
      },
      signal,
    );
  }

  async hold(name: string, signal?: AbortSignal): Promise<HeldVolume> {
    const volume = this.get(name) ?? (await this.#existing(name, { name }, signal));
    if (!volume) throw noSuchVolume(name);
    const userId = newVolumeName(this.#options.randomBytes);
    await using undo = new AsyncDisposableStack();
    this.#holds.add(userId);
    undo.defer(() => void this.#holds.delete(userId));
    this.reference(name, userId);
    undo.defer(() => this.dereference(name, userId));
    undo.defer(() => this.unmount(name, userId));
    const path = await this.mount(name, userId, signal);
    const open = undo.move();
    return { volume, path, [Symbol.asyncDispose]: () => open.disposeAsync() };
  }

  async rename(
    name: string,
    newName: string,
    alongside: (renamed: VolumeRecord) => void,
  ): Promise<VolumeRecord> {
    const target = parseVolumeName(newName);
    const [first = "", second = ""] = [name, target].sort();
    if (first === second) {
      throw new InvalidArgumentError(`rename ${name}: the new name is the old one`);
    }
    return await this.#lanes.run(first, () =>
      this.#lanes.run(second, async () => this.#rename(name, target, alongside)),
    );
  }

  async usage(name: string): Promise<{ readonly bytes: number }> {
    if (!this.get(name)) throw noSuchVolume(name);
    return {
      bytes: this.#records.isLocal(name) ? await this.#options.local.measureBytes(name) : -1,
    };
  }

  async #rename(
    name: string,
    newName: string,
    alongside: (renamed: VolumeRecord) => void,
  ): Promise<VolumeRecord> {
    const { volumes, local, store, onEvent } = this.#options;
    const volume = this.get(name);
    if (!volume) throw noSuchVolume(name);
    if (volume.driver !== LOCAL_DRIVER) {
      throw new UnsupportedError(
        `rename ${name}: driver '${volume.driver}' has no such thing; only volumes of the local driver have`,
      );
    }
    if (volumes.get(newName) ?? (await this.#atDrivers.find(newName))) {
      throw new ConflictError(`rename ${name}: there is a volume '${newName}' already`);
    }
    const renamed = { ...volume, name: newName, mountpoint: local.mountpointOf(newName) };
    volumes.put(name, { volume, renamingTo: newName });
    try {
      local.rename(name, newName);
      store.transaction(() => {
        volumes.delete(name);
        volumes.put(newName, { volume: renamed });
        for (const user of this.#records.usersOf(name)) {
          this.#records.deleteUser(name, user.containerId);
          this.#records.putUser({ ...user, volumeName: newName });
        }
        alongside(renamed);
      });
    } catch (error) {
      local.rename(newName, name);
      volumes.put(name, { volume });
      throw error;
    }
    onEvent({ action: "rename", name: newName, driver: LOCAL_DRIVER, oldName: name });
    return renamed;
  }

  /** The one that is there and fits the request. A plugin's that its plugin no longer has is forgotten. */
  async #existing(
    name: string,
    request: VolumeCreateRequest,
    signal: AbortSignal | undefined,
  ): Promise<VolumeRecord | undefined> {
    const known = this.get(name);
    if (known) {
      if (known.driver !== LOCAL_DRIVER) {
        const found = await this.#atDrivers.ask(known, signal, `create ${name}: `);
        if (!found && this.#records.forgetUnused(name)) return undefined;
      }
      if (!request.driver || request.driver === known.driver) return known;
      throw new ConflictError(
        `create ${name}: driver '${known.driver}' already has volume '${name}': volume name must be unique`,
      );
    }
    if (request.driver || !request.name) return undefined;
    const volume = (await this.#atDrivers.find(name, signal))?.volume;
    if (volume) this.#options.volumes.put(name, { volume });
    return volume;
  }

  async #make(
    name: string,
    request: VolumeCreateRequest,
    signal: AbortSignal | undefined,
  ): Promise<VolumeRecord> {
    const driver = await this.#atDrivers.driverFor(name, request.driver ?? "", signal);
    const options = request.options ?? {};
    const isAnonymous = !request.name;
    if (driver.name === LOCAL_DRIVER) this.#options.local.check(name, options);
    const volume: VolumeRecord = {
      name,
      driver: driver.name,
      scope: driver.scope,
      mountpoint: driver.name === LOCAL_DRIVER ? this.#options.local.mountpointOf(name) : "",
      labels: { ...request.labels, ...(isAnonymous ? { [ANONYMOUS_LABEL]: "" } : {}) },
      options,
      createdMs: this.#options.clock.nowMs(),
      isAnonymous,
    };
    const isPending = isAnonymous && request.isForContainer === true;
    this.#options.volumes.put(name, { volume, ...(isPending ? { isPending } : {}) });
    try {
      await driver.create(name, options, signal);
    } catch (error) {
      this.#options.volumes.delete(name);
      throw withContext(`create ${name}: `, error);
    }
    return volume;
  }

  #filter(volumes: readonly VolumeRecord[], filters: Filters): readonly VolumeRecord[] {
    const wantsDangling = booleanFilter(filters, "dangling");
    return volumes.filter(
      ({ name, driver, labels }) =>
        matchesName(filters, "name", name) &&
        matchesExactly(filters, "driver", driver) &&
        matchesLabels(filters, labels) &&
        (wantsDangling === undefined || wantsDangling === (this.usersOf(name).length === 0)),
    );
  }

  async #removeLocal(name: string): Promise<void> {
    const stored = this.#options.volumes.get(name);
    if (stored) this.#options.volumes.put(name, { ...stored, isRemoving: true });
    await this.#eraseLocal(name);
  }

  async #eraseLocal(name: string): Promise<void> {
    await this.#options.local.remove(name);
    this.#options.volumes.delete(name);
  }
}
