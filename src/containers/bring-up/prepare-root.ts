import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { FailedPreconditionError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";

/*
 * What has to be in a container's root before the runtime works on it. An image decides what is there already,
 * and a process that held on to a folder of it may still write there: so every step goes through the
 * descriptor of the folder before it, and no link is followed but by reading it and staying in the root.
 */

/** Of Linux on every architecture that Bun runs on; `node:fs` has no name for it. */
const O_PATH = 0o10000000;
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MAX_LINKS = 40;

/** Docker's: mount points of the kernel's file systems and of the engine's files, by the folder they are in. */
const MOUNT_POINTS = [
  { parent: "", folders: ["proc", "sys"], files: [] },
  { parent: "dev", folders: ["pts", "shm"], files: ["console"] },
  { parent: "etc", folders: [], files: ["resolv.conf", "hosts", "hostname"] },
] as const;

/** Where older programs read the mounts. */
export const MOUNTS_LINK = { folder: "etc", name: "mtab", target: "/proc/mounts" } as const;

export interface MountPoint {
  /** Absolute and clean. */
  readonly destination: string;
  readonly isFile: boolean;
}

/**
 * Makes what Docker has in every container's root: folders and files to mount on, `/.dockerenv`, by which
 * programs tell that they run in a container, and `/etc/mtab`, where older ones read the mounts. Links and
 * special files of the image in the place of the first make way, also on the way there, as in Docker.
 */
export function makeEngineMountPoints(rootPath: string): void {
  using root = openRoot(rootPath);
  for (const { parent, folders, files } of MOUNT_POINTS) {
    using own = parent === "" ? undefined : root.replaceByFolder(parent);
    const within = own ?? root;
    for (const name of folders) within.ensureFolder(name);
    for (const name of files) within.replaceByFile(name);
    if (parent === MOUNTS_LINK.folder && !within.has(MOUNTS_LINK.name)) {
      within.makeLink(MOUNTS_LINK.name, MOUNTS_LINK.target);
    }
  }
  // looked at before it is made: a system call that fails costs as much as three that do not
  if (!root.has(".dockerenv")) root.makeFile(".dockerenv", 0o755);
}

/**
 * Makes `path` a folder, or a file, inside the root, parents included; what is there stays. Links on the way
 * lead where they would in the container, also ones to nowhere yet.
 *
 * @throws {FailedPreconditionError} A file is in the way, or links lead in a circle.
 */
export function makeInRoot(rootPath: string, { destination, isFile }: MountPoint): void {
  const folders: Folder[] = [openRoot(rootPath)];
  const last = (): Folder => folders.at(-1) as Folder; // the root is never taken off
  const leave = (keep: number): void => {
    for (const folder of folders.splice(keep)) folder[Symbol.dispose]();
  };
  try {
    const pending = partsOf(destination);
    for (let links = 0; ; ) {
      const part = pending.pop();
      if (part === undefined) return;
      if (part === "..") {
        leave(Math.max(1, folders.length - 1));
        continue;
      }
      const isLast = pending.length === 0;
      const target = last().linkTarget(part);
      if (target === undefined) {
        if (isLast && isFile) {
          last().makeFile(part, 0o755);
          return;
        }
        if (isLast && last().has(part)) return;
        folders.push(last().intoFolder(part, destination));
        continue;
      }
      if (++links > MAX_LINKS) {
        throw new FailedPreconditionError(
          `Cannot make ${destination} in the container: too many levels of symbolic links`,
        );
      }
      if (target.startsWith("/")) leave(1);
      pending.push(...partsOf(target));
    }
  } finally {
    leave(0);
  }
}

/** Whether a link of the image's lies on the way to `path`, or is what it leads to. */
export function leadsThroughLink(rootPath: string, path: string): boolean {
  let folder = openRoot(rootPath);
  try {
    for (const part of partsOf(path).reverse()) {
      if (folder.linkTarget(part) !== undefined) return true;
      if (!folder.has(part)) return false;
      using before = folder;
      folder = before.intoFolder(part, path);
    }
    return false;
  } finally {
    folder[Symbol.dispose]();
  }
}

/** Last part first. */
function partsOf(path: string): string[] {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .reverse();
}

/**
 * Which of a container's mount points to make beforehand: not those that lie in another mount, which is
 * there only in the container.
 */
export function ownMountPoints(mounts: readonly MountPoint[]): readonly MountPoint[] {
  const covered = ["/proc", "/sys", "/dev", ...mounts.map(({ destination }) => destination)];
  return mounts.filter(({ destination }) => {
    const path = cleanPath(destination);
    return !covered.some((other) => path === "/" || path.startsWith(`${other}/`));
  });
}

function openRoot(rootPath: string): Folder {
  return new Folder(openSync(rootPath, O_PATH | constants.O_DIRECTORY));
}

/** A folder of the root, held: what its names lead to is looked at and made in it and nowhere else. */
class Folder implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #path(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  has(name: string): boolean {
    return lstatSync(this.#path(name), { throwIfNoEntry: false }) !== undefined;
  }

  /** @returns Undefined for what is no link. */
  linkTarget(name: string): string | undefined {
    try {
      return readlinkSync(this.#path(name));
    } catch (error) {
      if (hasCode(error, "ENOENT", "EINVAL")) return undefined;
      throw error;
    }
  }

  /** Nothing happens where something is. */
  makeFile(name: string, mode: number): void {
    unlessTaken(() => closeSync(openSync(this.#path(name), "wx", mode)));
  }

  makeLink(name: string, target: string): void {
    unlessTaken(() => symlinkSync(target, this.#path(name)));
  }

  /** @param whole For the message. */
  intoFolder(name: string, whole: string): Folder {
    unlessTaken(() => mkdirSync(this.#path(name), 0o755));
    try {
      return new Folder(openSync(this.#path(name), FOLDER));
    } catch (error) {
      if (!hasCode(error, "ENOTDIR", "ELOOP")) throw error;
      throw new FailedPreconditionError(
        `Cannot make ${whole} in the container: ${name} is not a directory`,
        { cause: error },
      );
    }
  }

  /** What is there and no folder makes way for one. */
  ensureFolder(name: string): void {
    const stats = lstatSync(this.#path(name), { throwIfNoEntry: false });
    if (stats?.isDirectory()) return;
    if (stats) unlinkSync(this.#path(name));
    mkdirSync(this.#path(name), 0o755);
  }

  /** `ensureFolder`, then held. */
  replaceByFolder(name: string): Folder {
    this.ensureFolder(name);
    return new Folder(openSync(this.#path(name), FOLDER));
  }

  /** A folder in its place stays, and keeps the container from starting, as in Docker. */
  replaceByFile(name: string): void {
    const stats = lstatSync(this.#path(name), { throwIfNoEntry: false });
    if (stats?.isFile() || stats?.isDirectory()) return;
    if (stats) unlinkSync(this.#path(name));
    this.makeFile(name, 0o755);
  }
}

function unlessTaken(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
