import { dlopen, ptr } from "bun:ffi";
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { ConflictError } from "#base/errors.ts";
import { type IdMappings, toHostId } from "#base/id-mappings.ts";
import type { ContainerView, ViewMount } from "#containers/files/protocol.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { AT_FDCWD, cString, type Libc, O_CLOEXEC } from "#host/linux/ffi/libc.ts";
import { parseProcStat } from "#host/linux/processes/proc-stat.ts";

const CLONE_NEWNS = 0x20000;
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_SYMLINKS = 0x10;
const MOUNT_ATTR_RDONLY = 1n;
/** nosuid, nodev, noexec. */
const MOUNT_ATTR_INERT = 2n | 4n | 8n;
const MS_RDONLY = 1;
const MS_INERT = 2 | 4 | 8;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MS_SLAVE = 0x80000;
const MNT_DETACH = 2;
const PR_SET_DUMPABLE = 4;
const PR_SET_SECUREBITS = 28;
const PR_SET_NO_NEW_PRIVS = 38;
/** A change of the user takes no capabilities away. */
const SECBIT_NO_SETUID_FIXUP = 4;
const CAPABILITY_VERSION_3 = 0x20080522;
/** chown, dac_override, dac_read_search, fowner, fsetid, mknod, setfcap: what files need, and no more. */
const KEPT_CAPABILITIES: readonly number[] = [0, 1, 2, 3, 4, 27, 31];

/** File systems by which the kernel is asked and told things: never taken over from a container. */
const KERNEL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x1cd1, // devpts
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xcafe4a11, // bpf
  0x62656570, // configfs
  0xde5e81e4, // efivarfs
  0x42494e4d, // binfmt_misc
  0x65735543, // fusectl
]);

const SYMBOLS = {
  capset: { args: ["ptr", "ptr"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
  pivot_root: { args: ["ptr", "ptr"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  setfsgid: { args: ["u32"], returns: "i32" },
  setfsuid: { args: ["u32"], returns: "i32" },
} as const;

/**
 * Makes a container's files this thread's root, for good: in a mount namespace of its own, with the
 * container's mounts on it, without devices, and with the rights that files need and no others. From then
 * on the kernel resolves each path inside, whatever the container does to it meanwhile.
 *
 * A mount of a running container is a copy of the very mount that it has (open_tree(2)), a tmpfs
 * included. /proc, /sys and /dev are not there, as in Docker: copying never talks to the kernel.
 *
 * Only the calling thread changes: use synchronous calls alone afterwards.
 *
 * @throws {ConflictError} The container's process has ended meanwhile.
 */
export function enterView(libc: Libc, view: ContainerView): void {
  enterNamespace(libc);
  const copies = [
    ...(view.process ? copiesOfRunning(libc, view, view.process) : []),
    ...copiesOfHost(libc, view.mounts),
  ];
  const root = openTree(libc, view.rootPath);
  if (root < 0) throw systemError(`Cannot open "${view.rootPath}"`, libc.errno());
  changeRoot(libc, root, view.rootPath);
  for (const { mount, descriptor } of copies) {
    attach(libc, mount, descriptor);
    closeSync(descriptor);
  }
  makeInert(libc, view.isReadOnly);
}

/** A mount namespace of this thread's own, which follows the host's unmounts and gives nothing back. */
export function enterNamespace(libc: Libc): void {
  check(libc, libc.call.unshare(CLONE_NEWNS), "Cannot make a mount namespace");
  const flags = MS_REC | MS_SLAVE;
  check(libc, libc.call.mount(null, cString("/"), null, flags, null), "Cannot keep mounts apart");
}

/** @param root Descriptor of a detached mount; closed here. @param path Where it belongs. */
export function changeRoot(libc: Libc, root: number, path: string): void {
  const more = dlopen("libc.so.6", SYMBOLS).symbols;
  check(libc, moveMount(libc, root, path, 0), `Cannot mount "${path}"`);
  closeSync(root);
  check(libc, libc.call.chdir(cString(path)), `Cannot enter "${path}"`);
  const here = cString(".");
  if (more.pivot_root(here, here) === 0) {
    check(libc, libc.call.umount2(here, MNT_DETACH), "Cannot leave the host's root");
  } else {
    // a host whose root is its initial RAM disk has no other way
    check(libc, more.chroot(here), `Cannot change root to "${path}"`);
  }
  check(libc, libc.call.chdir(cString("/")), "Cannot enter the root");
}

/**
 * Makes files as the container's root from here on, with all rights kept. What maps owners (a volume's mount,
 * a tmpfs of its user namespace) has no place for a file of the host's root: EOVERFLOW.
 */
export function actAsRootOf(libc: Libc, { users, groups }: IdMappings): void {
  const [uid, gid] = [toHostId(users, 0), toHostId(groups, 0)];
  if (uid === undefined || gid === undefined) return; // without a root it can own nothing there anyway
  const more = dlopen("libc.so.6", SYMBOLS).symbols;
  const result = more.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
  check(libc, result, "Cannot keep the rights on files");
  // both return the id before, whatever comes of it
  more.setfsgid(gid);
  more.setfsuid(uid);
}

/** Takes away all rights of this thread but those on files. */
export function dropRights(libc: Libc): void {
  const more = dlopen("libc.so.6", SYMBOLS).symbols;
  more.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  more.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const bits = KEPT_CAPABILITIES.reduce((sum, bit) => sum + 2 ** bit, 0);
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  // effective, permitted and inheritable, first of the lower 32 capabilities, then of the upper ones
  const data = new Uint32Array([bits, bits, 0, 0, 0, 0]);
  const result = more.capset(ptr(header), ptr(data));
  // a daemon that lacks one of them in the first place goes on with what it has
  if (result !== 0 && libc.errno() !== errnos.EPERM) {
    throw systemError("Cannot drop capabilities", libc.errno());
  }
}

interface Copy {
  readonly mount: ViewMount;
  readonly descriptor: number;
}

function copiesOfHost(libc: Libc, mounts: readonly ViewMount[]): readonly Copy[] {
  const copies: Copy[] = [];
  for (const mount of mounts) {
    if (mount.source === undefined) continue;
    const descriptor = openTree(libc, mount.source);
    if (descriptor < 0) {
      if (mount.isOptional && libc.errno() === errnos.ENOENT) continue;
      throw systemError(`Cannot open "${mount.source}"`, libc.errno());
    }
    if (mount.isReadOnly) setAttributes(libc, descriptor, "", MOUNT_ATTR_RDONLY, true);
    copies.push({ mount, descriptor });
  }
  return copies;
}

function copiesOfRunning(
  libc: Libc,
  view: ContainerView,
  process: NonNullable<ContainerView["process"]>,
): readonly Copy[] {
  const own = openSync("/proc/thread-self/ns/mnt", "r");
  const theirs = openNamespace(process);
  const copies: Copy[] = [];
  try {
    check(libc, libc.call.setns(theirs, CLONE_NEWNS), "Cannot enter the container's mounts");
    for (const mount of view.mounts) {
      if (mount.source !== undefined) continue;
      const descriptor = openTree(libc, mount.destination);
      // the container may have taken it away
      if (descriptor < 0) continue;
      copies.push({ mount, descriptor });
    }
  } finally {
    check(libc, libc.call.setns(own, CLONE_NEWNS), "Cannot return from the container's mounts");
    closeSync(own);
    closeSync(theirs);
  }
  return copies.filter(({ mount, descriptor }) => {
    if (mount.isBind) return true;
    const { type } = statfsSync(`/proc/thread-self/fd/${descriptor}`);
    if (!KERNEL_FILE_SYSTEMS.has(Number(type))) return true;
    closeSync(descriptor);
    return false;
  });
}

/** @throws {ConflictError} That very process has ended. */
function openNamespace({ pid, startTicks }: NonNullable<ContainerView["process"]>): number {
  const ended = new ConflictError("The container stopped while its files were looked at");
  try {
    const descriptor = openSync(`/proc/${pid}/ns/mnt`, "r");
    // looked at only now: what is open is no later process's
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    if (stat?.startTicks === startTicks && !stat.hasEnded) return descriptor;
    closeSync(descriptor);
  } catch {
    throw ended;
  }
  throw ended;
}

function attach(libc: Libc, mount: ViewMount, descriptor: number): void {
  const { destination } = mount;
  if (!statSync(destination, { throwIfNoEntry: false })) {
    if (mount.isOptional) return;
    makePlace(destination, descriptor);
  }
  const result = moveMount(libc, descriptor, destination, MOVE_MOUNT_T_SYMLINKS);
  if (result !== 0 && !mount.isOptional) {
    throw systemError(`Cannot mount on "${destination}"`, libc.errno());
  }
}

/** Where the container has never run, the runtime has not made it yet. */
function makePlace(destination: string, descriptor: number): void {
  // an O_PATH descriptor of a mount answers as its root does
  const isDirectory = fstatSync(descriptor).isDirectory();
  mkdirSync(isDirectory ? destination : dirname(destination), { recursive: true, mode: 0o755 });
  const isTaken = lstatSync(destination, { throwIfNoEntry: false });
  if (!isDirectory && !isTaken) writeFileSync(destination, "", { mode: 0o755, flag: "wx" });
}

function makeInert(libc: Libc, isReadOnly: boolean): void {
  setAttributes(libc, AT_FDCWD, "/", MOUNT_ATTR_INERT, true);
  if (isReadOnly) setAttributes(libc, AT_FDCWD, "/", MOUNT_ATTR_RDONLY, false);
  const flags = MS_REC | MS_PRIVATE;
  check(libc, libc.call.mount(null, cString("/"), null, flags, null), "Cannot keep mounts apart");
}

/** mount_setattr(2), or the older remount of the one mount where the kernel (before 5.12) has none. */
function setAttributes(
  libc: Libc,
  descriptor: number,
  path: string,
  attributes: bigint,
  isRecursive: boolean,
): void {
  const flags = (isRecursive ? AT_RECURSIVE : 0) | (path === "" ? AT_EMPTY_PATH : 0);
  const values = new BigUint64Array([attributes, 0n, 0n, 0n]);
  const address = Number(ptr(values));
  const name = cString(path);
  const result = libc.call.syscall(
    SYS_MOUNT_SETATTR,
    descriptor,
    Number(ptr(name)),
    flags,
    address,
    32,
    0,
  );
  if (result === 0) return;
  const errno = libc.errno();
  if (errno !== errnos.ENOSYS) throw systemError("Cannot restrict a mount", errno);
  const target = cString(path === "" ? `/proc/thread-self/fd/${descriptor}` : path);
  const remount =
    MS_REMOUNT | MS_BIND | (attributes === MOUNT_ATTR_RDONLY ? MS_RDONLY : 0) | MS_INERT;
  check(libc, libc.call.mount(null, target, null, remount, null), "Cannot restrict a mount");
}

/** @returns A detached copy of the mount at `path` and those below; negative with errno where it fails. */
export function openTree(libc: Libc, path: string): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE;
  const name = cString(path);
  return libc.call.syscall(SYS_OPEN_TREE, AT_FDCWD, Number(ptr(name)), flags, 0, 0, 0);
}

/** move_mount(2). @returns 0, or -1 with errno. */
export function moveMount(libc: Libc, descriptor: number, path: string, flags: number): number {
  const from = cString("");
  const to = cString(path);
  const all = MOVE_MOUNT_F_EMPTY_PATH | flags;
  const [source, target] = [Number(ptr(from)), Number(ptr(to))];
  return libc.call.syscall(SYS_MOVE_MOUNT, descriptor, source, AT_FDCWD, target, all, 0);
}

function check(libc: Libc, result: number, attempt: string): void {
  if (result !== 0) throw systemError(attempt, libc.errno());
}
