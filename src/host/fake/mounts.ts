import { ConflictError, FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import type { MountInfo, Mounts, OverlayMount, Propagation } from "#host/mounts.ts";

/** A mount table in memory; nothing is seen of it in the file system. */
export class FakeMounts implements Mounts {
  #table: MountInfo[] = [];
  #nextId = 1;
  readonly #missing = new Set<string>();

  /** Lets mounts from or on `path` fail as if it were not there. */
  pretendMissing(path: string): void {
    this.#missing.add(path);
  }

  mountOverlay(mount: OverlayMount): void {
    const { lowerDirs, upperDir, workDir, options = [] } = mount;
    const superOptions = [
      upperDir === undefined ? "ro" : "rw",
      ...lowerDirs.map((path) => `lowerdir+=${path}`),
      ...(upperDir === undefined ? [] : [`upperdir=${upperDir}`]),
      ...(workDir === undefined ? [] : [`workdir=${workDir}`]),
      ...options,
    ];
    const paths = [...lowerDirs, upperDir, workDir].filter((path) => path !== undefined);
    this.#add("overlay", "overlay", mount.target, ["rw", "relatime"], superOptions, paths);
  }

  bind(mount: {
    readonly source: string;
    readonly target: string;
    readonly recursive?: boolean;
    readonly readOnly?: boolean;
    readonly propagation?: Propagation;
  }): void {
    const access = mount.readOnly === true ? "ro" : "rw";
    this.#add("bind", mount.source, mount.target, [access, "relatime"], ["rw"], [mount.source]);
  }

  bindMapped(mount: {
    readonly source: string;
    readonly target: string;
    readonly readOnly?: boolean;
  }): void {
    const access = mount.readOnly === true ? "ro" : "rw";
    const options = [access, "relatime", "idmapped"];
    this.#add("bind", mount.source, mount.target, options, ["rw"], [mount.source]);
  }

  tmpfs(mount: {
    readonly target: string;
    readonly sizeBytes?: number;
    readonly mode?: number;
    readonly options?: readonly string[];
  }): void {
    const superOptions = ["rw"];
    if (mount.sizeBytes !== undefined) superOptions.push(`size=${mount.sizeBytes}`);
    if (mount.mode !== undefined) superOptions.push(`mode=${mount.mode.toString(8)}`);
    const options = ["rw", ...(mount.options ?? [])];
    this.#add("tmpfs", "tmpfs", mount.target, options, superOptions, []);
  }

  mount(mount: {
    readonly type: string;
    readonly device: string;
    readonly target: string;
    readonly options: readonly string[];
  }): void {
    this.#add(mount.type, mount.device, mount.target, mount.options, mount.options, []);
  }

  setPropagation(target: string, propagation: Propagation): void {
    if (!this.#table.some((mount) => mount.target === target)) {
      throw new FailedPreconditionError(
        `Cannot make mount "${target}" ${propagation}: not mounted`,
      );
    }
  }

  unmount(target: string, options: { readonly lazy?: boolean } = {}): boolean {
    const top = this.#table.findLast((mount) => mount.target === target);
    if (top === undefined) return false;
    const below = this.#table.filter((mount) => mount.target.startsWith(`${target}/`));
    if (below.length > 0 && options.lazy !== true) {
      throw new ConflictError(`Cannot unmount "${target}": resource busy or locked (EBUSY)`);
    }
    const gone = new Set([top, ...below]);
    this.#table = this.#table.filter((mount) => !gone.has(mount));
    return true;
  }

  async detach(target: string): Promise<boolean> {
    return this.unmount(target, { lazy: true });
  }

  list(below?: string): readonly MountInfo[] {
    if (below === undefined || below === "/") return [...this.#table];
    return this.#table.filter((m) => m.target === below || m.target.startsWith(`${below}/`));
  }

  #add(
    fsType: string,
    source: string,
    target: string,
    options: readonly string[],
    superOptions: readonly string[],
    needed: readonly string[],
  ): void {
    const missing = [target, ...needed].find((path) => this.#missing.has(path));
    if (missing !== undefined) {
      throw new NotFoundError(
        `Cannot mount ${fsType} on "${target}": no such file or directory (ENOENT)`,
      );
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#table.push({
      id,
      parentId: 0,
      root: "/",
      target,
      fsType,
      source,
      options,
      isShared: false,
      isSlave: false,
      superOptions,
    });
  }
}
