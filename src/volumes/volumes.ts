import type { Filters } from "#spec/engine-api/filters.ts";

export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  /** Absolute path on the host. */
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly createdMs: number;
  /** Made without a name by `-v /path` or VOLUME; goes with `rm -v` and `--rm`. */
  readonly isAnonymous: boolean;
}

export interface Volumes {
  /**
   * Returns the one of that name when there is one, whatever its labels and options, as Docker does.
   *
   * @throws {ConflictError} It is another driver's. {NotFoundError} No such driver.
   *   {InvalidArgumentError} Malformed name or options.
   */
  create(request: {
    readonly name?: string;
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
  }): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }>;
  get(name: string): VolumeRecord | undefined;
  /** Filters: `dangling`, `driver`, `label`, `label!`, `name`. In the order of names. */
  list(filters: Filters): readonly VolumeRecord[];
  /**
   * @throws {ConflictError} In use, naming the containers; `force` does not help.
   *   {NotFoundError} No such volume, unless `force`.
   */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
  /** Anonymous volumes that no container has; named ones too with filter `all=true`. */
  prune(
    filters: Filters,
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }>;
  /** Records that a container uses it, from create to remove. Idempotent. */
  reference(name: string, containerId: string): void;
  dereference(name: string, containerId: string): void;
  usersOf(name: string): readonly string[];
  /** Makes it ready (driver mounts, such as nfs or tmpfs) and returns its path; once per running container. */
  mount(name: string, containerId: string): Promise<string>;
  unmount(name: string, containerId: string): Promise<void>;
  /**
   * Copy-up: gives an empty volume what the image has where it will be mounted, with the owner and mode of
   * that folder. A volume with content stays as it is.
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
  usage(name: string): Promise<{ readonly bytes: number }>;
}
