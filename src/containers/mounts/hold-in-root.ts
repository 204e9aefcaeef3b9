import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { isAbsent } from "#containers/absent.ts";
import { resolveInRoot } from "./resolve-in-root.ts";

/** Of Linux on every architecture that Bun runs on; `node:fs` has no name for it. */
const O_PATH = 0o10000000;
/** A container that swaps its folders all the time may keep us from opening, and no more. */
const ATTEMPTS = 5;

/** A place in a tree that others write to, held so that nothing they do to its path matters. */
export interface HeldPath extends Disposable {
  readonly stats: Stats;
  /** Leads there for any system call of this process while held. */
  readonly handle: string;
}

/**
 * Holds what `path` leads to inside the tree at `root`, while a container may be writing there: between the
 * look at a name and its use it can become a link that leads out. So what was opened is held against where it
 * was looked for. Nothing is opened for reading yet: a device in an image is not woken, a fifo not waited for.
 *
 * @returns Undefined when there is nothing, or nothing that stays long enough.
 */
export function holdInRoot(root: string, path: string): HeldPath | undefined {
  const realRoot = tryRealPath(root);
  if (realRoot === undefined) return undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const resolved = resolveInRoot(realRoot, path);
    if (resolved === undefined) return undefined;
    const held = holdResolved(resolved);
    if (held) return held;
  }
  return undefined;
}

/** @param resolved Without a link in it. @returns Undefined when it is gone, or a link was put in it since it was resolved. */
export function holdResolved(resolved: string): HeldPath | undefined {
  let fd: number;
  try {
    fd = openSync(resolved, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  const handle = `/proc/self/fd/${fd}`;
  const stats = fstatSync(fd);
  if (stats.isSymbolicLink() || readlinkSync(handle) !== resolved) {
    closeSync(fd);
    return undefined;
  }
  return { stats, handle, [Symbol.dispose]: () => closeSync(fd) };
}

/** The way to the tree, which is the engine's own, may have links: the data root's for one. */
function tryRealPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
