import { NotFoundError } from "#base/errors.ts";
import type { Collection } from "#store/store.ts";
import { LOCAL_DRIVER } from "./driver.ts";
import type { StoredVolume, VolumeUser } from "./records.ts";
import type { VolumeRecord } from "./volumes.ts";

/** What is written down about volumes and who uses them. */
export class VolumeRecords {
  readonly volumes: Collection<StoredVolume>;
  readonly users: Collection<VolumeUser>;

  constructor(volumes: Collection<StoredVolume>, users: Collection<VolumeUser>) {
    this.volumes = volumes;
    this.users = users;
  }

  get(name: string): VolumeRecord | undefined {
    const stored = this.volumes.get(name);
    return stored && isThere(stored) ? stored.volume : undefined;
  }

  all(): readonly VolumeRecord[] {
    return this.volumes
      .entries()
      .filter(([, stored]) => isThere(stored))
      .map(([, { volume }]) => volume);
  }

  usersOf(name: string): readonly VolumeUser[] {
    return this.users.findBy("volume", name).map(([, user]) => user);
  }

  /** Those that have not gone, as their containers' ids. */
  userIdsOf(name: string): readonly string[] {
    return this.usersOf(name)
      .filter(({ isGone }) => !isGone)
      .map(({ containerId }) => containerId);
  }

  user(name: string, containerId: string): VolumeUser | undefined {
    return this.users.get(userKey(name, containerId));
  }

  putUser(user: VolumeUser): void {
    this.users.put(userKey(user.volumeName, user.containerId), user);
  }

  deleteUser(name: string, containerId: string): void {
    this.users.delete(userKey(name, containerId));
  }

  /** @throws {NotFoundError} */
  reference(name: string, containerId: string): void {
    const stored = this.volumes.get(name);
    if (!stored || !isThere(stored)) throw noSuchVolume(name);
    if (stored.isPending) this.volumes.put(name, { volume: stored.volume });
    if (this.user(name, containerId)) return;
    this.putUser({ volumeName: name, containerId, holdsMount: false });
  }

  isLocal(name: string): boolean {
    const stored = this.volumes.get(name);
    return stored === undefined || stored.volume.driver === LOCAL_DRIVER;
  }

  isNotToPrune(name: string): boolean {
    const stored = this.volumes.get(name);
    return (
      !stored || !isThere(stored) || stored.isPending === true || this.userIdsOf(name).length > 0
    );
  }

  /** @returns Whether the record is gone: containers keep theirs. */
  forgetUnused(name: string): boolean {
    if (this.usersOf(name).length > 0) return false;
    this.volumes.delete(name);
    return true;
  }
}

export function noSuchVolume(name: string): NotFoundError {
  return new NotFoundError(`get ${name}: no such volume`);
}

function isThere({ isRemoving, isIncomplete }: StoredVolume): boolean {
  return !isRemoving && !isIncomplete;
}

function userKey(name: string, containerId: string): string {
  return `${name}/${containerId}`;
}
