import { KeyedMutex, type Sleep } from "#base/async.ts";
import {
  ConflictError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  messageOf,
  NotFoundError,
  UnavailableError,
  UnsupportedError,
  WharfError,
} from "#base/errors.ts";
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
import {
  type DriverVolume,
  LOCAL_DRIVER,
  type VolumeDriver,
  type VolumeDrivers,
} from "./driver.ts";
import { fillVolume } from "./local/fill.ts";
import type { LocalDriver } from "./local/local-driver.ts";
import type { StoredVolume, VolumeUser } from "./records.ts";
import { isPrunable } from "./prunable.ts";
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
/** How long a container's end waits for a plugin to unmount. */
const UNMOUNT_PATIENCE_MS = 2_000;

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

  constructor(options: VolumeServiceOptions) {
    this.#options = options;
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
      if (user.isGone) void this.#release(user.volumeName, user.containerId);
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
    const stored = this.#options.volumes.get(name);
    return stored && isThere(stored) ? stored.volume : undefined;
  }

  async inspect(name: string, signal?: AbortSignal): Promise<VolumeDetails> {
    const volume = this.get(name);
    if (volume?.driver === LOCAL_DRIVER) return { volume };
    if (!volume) {
      const found = await this.#findAtPlugins(name, signal);
      if (found) return found;
      throw noSuchVolume(name);
    }
    const found = await this.#askDriver(volume, signal, `get ${name}: `);
    if (!found) {
      this.#forgetUnused(name);
      throw noSuchVolume(name);
    }
    const { status } = found;
    return { volume: merge(volume, found), ...(status ? { status } : {}) };
  }

  list(filters: Filters): readonly VolumeRecord[] {
    return this.#filter(this.#all(), filters);
  }

  async listAll(
    filters: Filters,
    signal?: AbortSignal,
  ): Promise<{ readonly volumes: readonly VolumeRecord[]; readonly warnings: readonly string[] }> {
    const { drivers, warnings } = await this.#options.plugins.list(signal);
    const problems = [...warnings];
    const byName = new Map(this.#all().map((volume) => [volume.name, volume]));
    await Promise.all(
      drivers.map(async (driver) => {
        try {
          for (const found of await driver.list(signal)) {
            const known = byName.get(found.name);
            if (known && known.driver !== driver.name) continue;
            byName.set(found.name, known ? merge(known, found) : foreignVolume(driver, found));
          }
        } catch (error) {
          signal?.throwIfAborted();
          problems.push(messageOf(error));
        }
      }),
    );
    const volumes = [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
    return { volumes: this.#filter(volumes, filters), warnings: problems };
  }

  async remove(name: string, options: { readonly force: boolean }): Promise<void> {
    await this.#lanes.run(name, async () => {
      const volume = this.get(name) ?? (await this.#findAtPlugins(name))?.volume;
      if (!volume) {
        if (options.force) return;
        throw noSuchVolume(name);
      }
      const users = this.usersOf(name);
      if (users.length > 0) {
        throw new ConflictError(`remove ${name}: volume is in use - [${users.join(", ")}]`);
      }
      if (volume.driver === LOCAL_DRIVER) await this.#removeLocal(name);
      else await this.#removeFromPlugin(volume, options.force);
      this.#options.onEvent({ action: "destroy", name, driver: volume.driver });
    });
  }

  async prune(
    filters: Filters,
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }> {
    const names: string[] = [];
    let reclaimedBytes = 0;
    for (const { name } of this.#all().filter((volume) => isPrunable(volume, filters))) {
      await this.#lanes.run(name, async () => {
        if (this.#isNotToPrune(name)) return;
        const bytes = await this.#options.local.measureBytes(name);
        if (this.#isNotToPrune(name)) return;
        await this.#removeLocal(name);
        names.push(name);
        reclaimedBytes += bytes;
      });
    }
    return { names, reclaimedBytes };
  }

  reference(name: string, containerId: string): void {
    const key = userKey(name, containerId);
    const stored = this.#options.volumes.get(name);
    if (!stored || !isThere(stored)) throw noSuchVolume(name);
    if (stored.isPending) this.#options.volumes.put(name, { volume: stored.volume });
    if (this.#options.users.get(key)) return;
    this.#options.users.put(key, { volumeName: name, containerId, holdsMount: false });
  }

  dereference(name: string, containerId: string): void {
    const key = userKey(name, containerId);
    const user = this.#options.users.get(key);
    if (user?.holdsMount && !this.#isLocal(name)) {
      this.#options.users.put(key, { ...user, isGone: true });
      return;
    }
    this.#unmountLocal(name, containerId);
    this.#options.users.delete(key);
  }

  usersOf(name: string): readonly string[] {
    return this.#usersOf(name)
      .filter(({ isGone }) => !isGone)
      .map(({ containerId }) => containerId);
  }

  isHold(userId: string): boolean {
    return this.#holds.has(userId);
  }

  isRecorded(name: string): boolean {
    return this.#options.volumes.get(name) !== undefined;
  }

  async mount(name: string, containerId: string, signal?: AbortSignal): Promise<string> {
    return await this.#lanes.run(name, () => this.#mount(name, containerId, signal), signal);
  }

  async unmount(name: string, containerId: string): Promise<void> {
    if (this.#isLocal(name)) {
      await this.#lanes.run(name, async () => this.#unmountLocal(name, containerId));
      return;
    }
    if (!this.#options.users.get(userKey(name, containerId))?.holdsMount) return;
    const patience = new AbortController();
    await Promise.race([
      this.#release(name, containerId),
      this.#options.sleep(UNMOUNT_PATIENCE_MS, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
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
        const user = this.#options.users.get(userKey(name, containerId));
        if (!this.#isLocal(name)) {
          if (user?.path === undefined) throw new InternalError(`Volume ${name} is not mounted`);
          const request = { ...from, dataPath: user.path };
          await fillVolume(request, this.#options.processes, signal);
          return;
        }
        const held = user?.holdsMount === true;
        await this.#mount(name, containerId, signal);
        try {
          await this.#options.local.fill(name, from, signal);
        } finally {
          if (!held) this.#unmountLocal(name, containerId);
        }
      },
      signal,
    );
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
        if (this.get(name) ?? (await this.#findAtPlugins(name, signal))) {
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
    return { bytes: this.#isLocal(name) ? await this.#options.local.measureBytes(name) : -1 };
  }

  async #rename(
    name: string,
    newName: string,
    alongside: (renamed: VolumeRecord) => void,
  ): Promise<VolumeRecord> {
    const { volumes, users, local, store, onEvent } = this.#options;
    const volume = this.get(name);
    if (!volume) throw noSuchVolume(name);
    if (volume.driver !== LOCAL_DRIVER) {
      throw new UnsupportedError(
        `rename ${name}: driver '${volume.driver}' has no such thing; only volumes of the local driver have`,
      );
    }
    if (volumes.get(newName) ?? (await this.#findAtPlugins(newName))) {
      throw new ConflictError(`rename ${name}: there is a volume '${newName}' already`);
    }
    const renamed = { ...volume, name: newName, mountpoint: local.mountpointOf(newName) };
    volumes.put(name, { volume, renamingTo: newName });
    try {
      local.rename(name, newName);
      store.transaction(() => {
        volumes.delete(name);
        volumes.put(newName, { volume: renamed });
        for (const user of this.#usersOf(name)) {
          users.delete(userKey(name, user.containerId));
          users.put(userKey(newName, user.containerId), { ...user, volumeName: newName });
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
        const found = await this.#askDriver(known, signal, `create ${name}: `);
        if (!found && this.#forgetUnused(name)) return undefined;
      }
      if (!request.driver || request.driver === known.driver) return known;
      throw new ConflictError(
        `create ${name}: driver '${known.driver}' already has volume '${name}': volume name must be unique`,
      );
    }
    if (request.driver || !request.name) return undefined;
    const volume = (await this.#findAtPlugins(name, signal))?.volume;
    if (volume) this.#options.volumes.put(name, { volume });
    return volume;
  }

  async #make(
    name: string,
    request: VolumeCreateRequest,
    signal: AbortSignal | undefined,
  ): Promise<VolumeRecord> {
    const driver = await this.#driverFor(name, request.driver ?? "", signal);
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

  async #driverFor(
    volumeName: string,
    driverName: string,
    signal: AbortSignal | undefined,
  ): Promise<VolumeDriver> {
    if (driverName === "" || driverName === LOCAL_DRIVER) return this.#options.local;
    try {
      return await this.#options.plugins.get(driverName, signal);
    } catch (error) {
      throw withContext(
        `create ${volumeName}: error looking up volume plugin ${driverName}: `,
        error,
      );
    }
  }

  async #askDriver(
    { name, driver }: VolumeRecord,
    signal: AbortSignal | undefined,
    context: string,
  ): Promise<DriverVolume | undefined> {
    try {
      return await (await this.#options.plugins.get(driver, signal)).get(name, signal);
    } catch (error) {
      const what = `error while checking if volume "${name}" exists in driver "${driver}": `;
      throw withContext(context + what, error);
    }
  }

  /** A volume that a plugin has and we did not make. Plugins that do not answer are passed over. */
  async #findAtPlugins(name: string, signal?: AbortSignal): Promise<VolumeDetails | undefined> {
    const { drivers } = await this.#options.plugins.list(signal);
    for (const driver of drivers) {
      try {
        const found = await driver.get(name, signal);
        if (!found) continue;
        const { status } = found;
        const volume = foreignVolume(driver, { ...found, name });
        return { volume, ...(status ? { status } : {}) };
      } catch (error) {
        signal?.throwIfAborted();
        this.#options.warn(messageOf(error));
      }
    }
    return undefined;
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

  #all(): readonly VolumeRecord[] {
    return this.#options.volumes
      .entries()
      .filter(([, stored]) => isThere(stored))
      .map(([, { volume }]) => volume);
  }

  #usersOf(name: string): readonly VolumeUser[] {
    return this.#options.users.findBy("volume", name).map(([, user]) => user);
  }

  #isLocal(name: string): boolean {
    const stored = this.#options.volumes.get(name);
    return stored === undefined || stored.volume.driver === LOCAL_DRIVER;
  }

  #isNotToPrune(name: string): boolean {
    const stored = this.#options.volumes.get(name);
    return (
      !stored || !isThere(stored) || stored.isPending === true || this.usersOf(name).length > 0
    );
  }

  async #mount(
    name: string,
    containerId: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const volume = this.get(name);
    if (!volume) throw noSuchVolume(name);
    if (volume.driver !== LOCAL_DRIVER)
      return await this.#mountByPlugin(volume, containerId, signal);
    const { local } = this.#options;
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
    const { users, plugins } = this.#options;
    const key = userKey(name, containerId);
    const held = users.get(key);
    if (held?.holdsMount && held.path !== undefined) return held.path;
    const user = { volumeName: name, containerId, holdsMount: true };
    let isMaybeMounted = false;
    try {
      const found = await plugins.get(driver, signal);
      users.put(key, user);
      isMaybeMounted = true;
      const path = await found.mount(volume, containerId, signal);
      users.put(key, { ...user, path });
      if (path !== volume.mountpoint) {
        this.#options.volumes.put(name, { volume: { ...volume, mountpoint: path } });
      }
      return path;
    } catch (error) {
      // it may have mounted and not have told: in the lane this comes after us
      if (isMaybeMounted) void this.#release(name, containerId);
      throw withContext(`error while mounting volume '${name}': `, error);
    }
  }

  /** Tells the plugin that the user is gone. Never rejects: a mount that a plugin keeps is its own to mend. */
  async #release(name: string, containerId: string): Promise<void> {
    const { users, plugins, warn } = this.#options;
    const key = userKey(name, containerId);
    await this.#lanes.run(name, async () => {
      const driver = this.#options.volumes.get(name)?.volume.driver;
      if (!users.get(key)?.holdsMount) return;
      try {
        if (driver !== undefined) await (await plugins.get(driver)).unmount(name, containerId);
      } catch (error) {
        warn(`Cannot unmount volume ${name} of container ${containerId}: ${messageOf(error)}`);
      }
      if (users.get(key)?.isGone) users.delete(key);
      else users.put(key, { volumeName: name, containerId, holdsMount: false });
    });
  }

  #unmountLocal(name: string, containerId: string): void {
    if (this.#options.users.get(userKey(name, containerId))?.holdsMount !== true) return;
    const others = this.#usersOf(name).some(
      (user) => user.holdsMount && user.containerId !== containerId,
    );
    if (!others) this.#options.local.unmountNow(name);
    this.#holdMount(name, containerId, false);
  }

  #holdMount(name: string, containerId: string, holdsMount: boolean): void {
    const user = { volumeName: name, containerId, holdsMount };
    this.#options.users.put(userKey(name, containerId), user);
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

  async #removeFromPlugin({ name, driver }: VolumeRecord, isForced: boolean): Promise<void> {
    try {
      await (await this.#options.plugins.get(driver)).remove(name);
    } catch (error) {
      if (!isForced) throw withContext(`remove ${name}: `, error);
      this.#options.warn(`Removing volume ${name} by force: ${messageOf(error)}`);
    }
    this.#options.volumes.delete(name);
  }

  /** @returns Whether the record is gone: containers keep theirs. */
  #forgetUnused(name: string): boolean {
    if (this.#usersOf(name).length > 0) return false;
    this.#options.volumes.delete(name);
    return true;
  }
}

function isThere({ isRemoving, isIncomplete }: StoredVolume): boolean {
  return !isRemoving && !isIncomplete;
}

function userKey(name: string, containerId: string): string {
  return `${name}/${containerId}`;
}

function noSuchVolume(name: string): NotFoundError {
  return new NotFoundError(`get ${name}: no such volume`);
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

function merge(volume: VolumeRecord, found: DriverVolume): VolumeRecord {
  return {
    ...volume,
    mountpoint: found.mountpoint || volume.mountpoint,
    createdMs: found.createdMs ?? volume.createdMs,
  };
}

/** The same kind of error, saying what was attempted. */
function withContext(context: string, error: unknown): unknown {
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
