import { ptr } from "bun:ffi";
import { systemError } from "./errno.ts";
import { AT_FDCWD, cString, type Libc, O_CLOEXEC, O_PATH } from "./libc.ts";

// Numbers of the mount system calls of Linux 5.2 and later, the same on every architecture; the C
// library of Debian 11 has no names for them.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const SYS_MOUNT_SETATTR = 442;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const AT_RECURSIVE = 0x8000;
/** fsconfig(2) takes strings of at most 255 bytes. */
const LONGEST_VALUE_BYTES = 255;

/** One setting of a file system being configured; without a value it is a flag. */
export interface FsSetting {
  readonly key: string;
  readonly value?: string;
  /** The value is a path: one too long for fsconfig(2) goes by descriptor. */
  readonly isPath?: boolean;
}

/** What the kernel refused of a configured mount. */
export interface FsRefusal {
  readonly errno: number;
  /** The setting; undefined when the mount as a whole was refused. */
  readonly key?: string;
  /** The file system's own words; empty where it gave none. */
  readonly detail: string;
}

/**
 * Mounts by fsopen(2), fsconfig(2), fsmount(2) and move_mount(2): no page limit on the settings.
 *
 * @returns Undefined when mounted; else the refusal, so that the caller may go another way.
 */
export function mountConfigured(
  libc: Libc,
  fsType: string,
  settings: readonly FsSetting[],
  target: string,
): FsRefusal | undefined {
  const context = systemCall(libc, SYS_FSOPEN, cString(fsType), FSOPEN_CLOEXEC);
  if (context < 0) return { errno: libc.errno(), detail: "" };
  const open: number[] = [context];
  try {
    for (const { key, value, isPath } of settings) {
      const kind = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      const given =
        value === undefined ? 0 : cString(isPath ? shortPath(libc, value, open) : value);
      if (systemCall(libc, SYS_FSCONFIG, context, kind, cString(key), given, 0) !== 0) {
        return { errno: libc.errno(), key, detail: readLog(libc, context) };
      }
    }
    if (systemCall(libc, SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0) !== 0) {
      return { errno: libc.errno(), detail: readLog(libc, context) };
    }
    const mount = systemCall(libc, SYS_FSMOUNT, context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0) return { errno: libc.errno(), detail: readLog(libc, context) };
    open.push(mount);
    const to = cString(target);
    const empty = cString("");
    if (
      systemCall(libc, SYS_MOVE_MOUNT, mount, empty, AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) !== 0
    ) {
      return { errno: libc.errno(), detail: "" };
    }
    return undefined;
  } finally {
    for (const fd of open) libc.call.close(fd);
  }
}

/**
 * Makes a mount, and all below it when `recursive`, read-only, leaving its other flags (nosuid, nodev)
 * as they are.
 *
 * @returns 0, or the errno: ENOSYS before Linux 5.12.
 */
export function setReadOnly(libc: Libc, target: string, recursive: boolean): number {
  const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n]);
  const flags = recursive ? AT_RECURSIVE : 0;
  const path = cString(target);
  const result = systemCall(libc, SYS_MOUNT_SETATTR, AT_FDCWD, path, flags, attributes, 32);
  return result === 0 ? 0 : libc.errno();
}

/**
 * Clones the mount at `source`, and all below it when `recursive`, maps the clone's owners by the user
 * namespace and puts it on `target`.
 *
 * @returns 0, or the errno: EINVAL where a file system does not allow it, ENOSYS before Linux 5.12.
 */
export function bindWithMapping(
  libc: Libc,
  bind: {
    readonly source: string;
    readonly target: string;
    readonly recursive: boolean;
    /** Descriptor of the user namespace. */
    readonly namespace: number;
  },
): number {
  const depth = bind.recursive ? AT_RECURSIVE : 0;
  const clone = systemCall(
    libc,
    SYS_OPEN_TREE,
    AT_FDCWD,
    cString(bind.source),
    OPEN_TREE_CLONE | O_CLOEXEC | depth,
  );
  if (clone < 0) return libc.errno();
  try {
    const here = cString("");
    const attributes = new BigUint64Array([MOUNT_ATTR_IDMAP, 0n, 0n, BigInt(bind.namespace)]);
    const flags = AT_EMPTY_PATH | depth;
    if (systemCall(libc, SYS_MOUNT_SETATTR, clone, here, flags, attributes, 32) !== 0) {
      return libc.errno();
    }
    const to = cString(bind.target);
    const moved = systemCall(
      libc,
      SYS_MOVE_MOUNT,
      clone,
      here,
      AT_FDCWD,
      to,
      MOVE_MOUNT_F_EMPTY_PATH,
    );
    return moved === 0 ? 0 : libc.errno();
  } finally {
    libc.call.close(clone);
  }
}

/** syscall(2) with up to six arguments; arrays are passed by address. */
function systemCall(
  libc: Libc,
  number: number,
  ...given: readonly (number | Uint8Array | BigUint64Array)[]
): number {
  const words = given.map((each) => (typeof each === "number" ? each : Number(ptr(each))));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = words;
  return libc.call.syscall(number, a, b, c, d, e, f);
}

function shortPath(libc: Libc, path: string, open: number[]): string {
  if (Buffer.byteLength(path) <= LONGEST_VALUE_BYTES) return path;
  const fd = libc.call.open(cString(path), O_PATH | O_CLOEXEC, 0);
  if (fd < 0) throw systemError(`Cannot open "${path}"`, libc.errno());
  open.push(fd);
  return `/proc/self/fd/${fd}`;
}

/** A mount context is read like a file: one message a read, `e overlay: …` for an error. */
function readLog(libc: Libc, context: number): string {
  const errors: string[] = [];
  const buffer = Buffer.alloc(1024);
  for (;;) {
    const length = libc.call.read(context, buffer, buffer.length);
    if (length <= 0) return errors.join("; ");
    const line = buffer.toString("utf8", 0, length).trim();
    if (line.startsWith("e ")) errors.push(line.slice(2));
  }
}
