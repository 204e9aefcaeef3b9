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
  /** Returns the existing one when name, driver and options agree. @throws {ConflictError} They do not. */
  create(request: {
    readonly name?: string;
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
  }): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }>;
  get(name: string): VolumeRecord | undefined;
  list(filters: Filters): readonly VolumeRecord[];
  /** @throws {ConflictError} In use, naming the containers. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }>;
  /** Records that a container uses it, from create to remove. Idempotent. */
  reference(name: string, containerId: string): void;
  dereference(name: string, containerId: string): void;
  usersOf(name: string): readonly string[];
  /** Makes it ready (driver mounts, such as nfs or tmpfs) and returns its path; once per running container. */
  mount(name: string, containerId: string): Promise<string>;
  unmount(name: string, containerId: string): Promise<void>;
  usage(name: string): Promise<{ readonly bytes: number }>;
}
