import type { Filters } from "#spec/engine-api/filters.ts";

export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  /** Of the driver: whether other hosts see the volume too. Absent in old records: local. */
  readonly scope?: "local" | "global";
  /** Absolute path on the host; empty for a plugin's that is mounted nowhere. */
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly createdMs: number;
  /** Made without a name by `-v /path` or VOLUME; goes with `rm -v` and `--rm`. */
  readonly isAnonymous: boolean;
}

export interface VolumeCreateRequest {
  /** Absent: anonymous, with 64 hex digits for a name. */
  readonly name?: string;
  /** Absent: that of the volume that is there, with whatever driver, else `local`. */
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  /**
   * For a container that is being made: until that refers to it, the volume is nobody's, and one that is left
   * over from a crash goes at the next start where it is anonymous.
   */
  readonly isForContainer?: boolean;
}

/** A volume with what its driver says of it now. */
export interface VolumeDetails {
  readonly volume: VolumeRecord;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** A volume that the engine itself uses. */
export interface HeldVolume extends AsyncDisposable {
  readonly volume: VolumeRecord;
  readonly path: string;
}

/** What happened to a volume, in the words of Docker's events. */
export interface VolumeEvent {
  readonly action: "create" | "destroy" | "rename";
  readonly name: string;
  readonly driver: string;
  /** Of a rename. */
  readonly oldName?: string;
}

export interface Volumes {
  /**
   * Returns the one of that name when there is one, whatever its labels and options, as Docker does.
   *
   * @throws {ConflictError} It is another driver's. {NotFoundError} No such driver.
   *   {InvalidArgumentError} Malformed name or options.
   */
  create(
    request: VolumeCreateRequest,
    signal?: AbortSignal,
  ): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }>;
  /** What is recorded; no driver is asked. */
  get(name: string): VolumeRecord | undefined;
  /**
   * What its driver says; a volume that a plugin made by itself is found too.
   *
   * @throws {NotFoundError} `get x: no such volume`. {UnavailableError} Its plugin does not answer.
   */
  inspect(name: string, signal?: AbortSignal): Promise<VolumeDetails>;
  /** What is recorded. Filters: `dangling`, `driver`, `label`, `label!`, `name`. In the order of names. */
  list(filters: Filters): readonly VolumeRecord[];
  /** As `list`, with what plugins have by themselves; `warnings` tells of those that do not answer. */
  listAll(
    filters: Filters,
    signal?: AbortSignal,
  ): Promise<{ readonly volumes: readonly VolumeRecord[]; readonly warnings: readonly string[] }>;
  /**
   * @param options.force Also when its plugin refuses or does not answer.
   * @throws {ConflictError} In use, naming the containers; `force` does not help.
   *   {NotFoundError} No such volume, unless `force`.
   */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
  /** Anonymous volumes of the local driver that no container has; named ones too with filter `all=true`. */
  prune(
    filters: Filters,
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }>;
  /** Records that a container uses it, from create to remove. Idempotent. */
  reference(name: string, containerId: string): void;
  dereference(name: string, containerId: string): void;
  usersOf(name: string): readonly string[];
  /** Whether a user is no container but the engine, which has the volume in hand now (`hold`). */
  isHold(userId: string): boolean;
  /** Whether its folder is known, also while it is made or removed. */
  isRecorded(name: string): boolean;
  /**
   * Makes it ready (driver mounts, such as nfs or tmpfs, or a plugin's) and returns its path; once per running
   * container.
   */
  mount(name: string, containerId: string, signal?: AbortSignal): Promise<string>;
  /** A plugin gets two seconds to answer, then is waited for behind the answer. */
  unmount(name: string, containerId: string): Promise<void>;
  /**
   * Copy-up: gives an empty volume what the image has where it will be mounted, with the owner and mode of
   * that folder. A volume with content stays as it is.
   *
   * The volume is mounted for the container.
   *
   * @param from.rootfsPath The container's root, mounted; the container does not run.
   * @param from.destination Path in the container, absolute and clean.
   */
  fill(
    name: string,
    containerId: string,
    from: { readonly rootfsPath: string; readonly destination: string },
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Makes a volume of the local driver whose content `give` provides. Nobody sees it before it is whole; a failure,
   * an abort or a crash leaves nothing.
   *
   * @param give Gets the volume's empty folder.
   * @throws {ConflictError} There is one of that name. What `give` throws.
   */
  createFilled(
    request: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
    give: (path: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<VolumeRecord>;
  /**
   * Mounts it for the engine itself, until disposed. It cannot be removed meanwhile.
   *
   * @throws {NotFoundError} `get x: no such volume`
   */
  hold(name: string, signal?: AbortSignal): Promise<HeldVolume>;
  /**
   * Of the local driver. Its users are kept, and must not run.
   *
   * @param alongside Writes what else names the volume, in the same transaction.
   * @throws {NotFoundError} {ConflictError} The name is taken. {UnsupportedError} Another driver's.
   */
  rename(
    name: string,
    newName: string,
    alongside: (renamed: VolumeRecord) => void,
  ): Promise<VolumeRecord>;
  /** @returns -1 bytes for a plugin's volume, which the engine does not look into. */
  usage(name: string): Promise<{ readonly bytes: number }>;
}
