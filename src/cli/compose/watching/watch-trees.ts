import { type BigIntStats, type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, UnavailableError } from "#base/errors.ts";
import type { FileChange } from "#compose/watch/plan-batch.ts";

/** An editor writes a file in several steps: a round begins when so long nothing happened. */
const QUIET_MS = 100;
const QUIET_ROUNDS_MAX = 20;

export interface TreeWatchOptions {
  /** Folders that need not be looked into. */
  readonly isIdle: (folder: string) => boolean;
  readonly signal: AbortSignal;
}

/**
 * Watches files and folders, whatever is below them, until the signal aborts. What the kernel tells is only taken as a
 * sign to look: each round compares what there is with what there was, so that nothing is missed that comes while it
 * looks, and folders that are new are watched before they are read.
 *
 * @param roots Absolute; they need not be there yet.
 * @yields Rounds of changes, never empty.
 */
export async function* watchTrees(
  roots: readonly string[],
  { isIdle, signal }: TreeWatchOptions,
): AsyncGenerator<readonly FileChange[]> {
  using watchers = new Watchers();
  const onAbort = (): void => watchers.wake();
  signal.addEventListener("abort", onAbort);
  try {
    let before = look(roots, watchers, isIdle);
    while (!signal.aborted) {
      await watchers.woken();
      for (let round = 0; round < QUIET_ROUNDS_MAX && !signal.aborted; round++) {
        watchers.rest();
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        if (!watchers.isAwake) break;
      }
      if (signal.aborted) return;
      watchers.rest();
      const after = look(roots, watchers, isIdle);
      const changes = compare(before, after);
      before = after;
      if (changes.length > 0) yield changes;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class Watchers implements Disposable {
  readonly #open = new Map<string, { readonly inode: bigint; readonly watcher: FSWatcher }>();
  #waking = Promise.withResolvers<void>();
  isAwake = false;

  readonly wake = (): void => {
    this.isAwake = true;
    this.#waking.resolve();
  };

  woken(): Promise<void> {
    return this.#waking.promise;
  }

  rest(): void {
    this.isAwake = false;
    this.#waking = Promise.withResolvers<void>();
  }

  /** @throws {UnavailableError} The kernel watches no more. */
  add(folder: string, inode: bigint): void {
    const known = this.#open.get(folder);
    if (known?.inode === inode) return;
    known?.watcher.close();
    try {
      const watcher = watch(folder, { persistent: true }, this.wake);
      // a folder that goes away is found gone by the next look
      watcher.on("error", this.wake);
      this.#open.set(folder, { inode, watcher });
    } catch (cause) {
      if (isGone(cause)) return;
      throw new UnavailableError(`Cannot watch ${folder}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Only these are watched further. */
  keep(folders: ReadonlySet<string>): void {
    for (const [folder, { watcher }] of this.#open) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#open.delete(folder);
    }
  }

  [Symbol.dispose](): void {
    this.keep(new Set());
  }
}

/** Files by path, each with what changes when it is written. */
type Seen = ReadonlyMap<string, string>;

function look(
  roots: readonly string[],
  watchers: Watchers,
  isIdle: (folder: string) => boolean,
): Seen {
  const seen = new Map<string, string>();
  const folders = new Set<string>();
  const addFolder = (path: string, { ino }: BigIntStats): void => {
    folders.add(path);
    watchers.add(path, ino);
  };
  const visit = (path: string): void => {
    const stats = tryStat(path);
    if (!stats) return;
    if (!stats.isDirectory()) {
      seen.set(path, `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`);
      return;
    }
    if (isIdle(path)) return;
    addFolder(path, stats);
    for (const name of tryRead(path)) visit(join(path, name));
  };
  for (const root of roots) {
    const stats = tryStat(root);
    // a file is replaced, a folder made: the folder above tells
    if (!stats?.isDirectory()) {
      const [above, found] = nearestFolder(dirname(root));
      addFolder(above, found);
    }
    visit(root);
  }
  watchers.keep(folders);
  return seen;
}

function nearestFolder(path: string): readonly [string, BigIntStats] {
  const stats = tryStat(path);
  if (stats?.isDirectory()) return [path, stats];
  if (path !== "/") return nearestFolder(dirname(path));
  throw new UnavailableError("Cannot watch: there is no root folder");
}

function tryStat(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

function tryRead(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function compare(before: Seen, after: Seen): readonly FileChange[] {
  const written = [...after].filter(([path, state]) => before.get(path) !== state);
  const removed = [...before.keys()].filter((path) => !after.has(path));
  return [
    ...removed.map((path): FileChange => ({ path, kind: "removed" })),
    ...written.map(([path]): FileChange => ({ path, kind: "written" })),
  ];
}
