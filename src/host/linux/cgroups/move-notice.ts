import { closeSync, openSync, readSync, write } from "node:fs";
import type { CgroupHierarchies } from "./hierarchies.ts";

/** Less than the shortest grace period, so that the lock's state lasts from one notice to the next. */
const RENEWED_MS = 5;

/** The process that writes it, in its own PID namespace's words (cgroups(7)). */
const SELF = Buffer.from("0");

/** A group that the process that writes is moved to. */
export interface MoveTarget extends Disposable {
  /** On one of Bun's I/O threads. */
  move(): Promise<void>;
}

/**
 * Whoever moves a process between cgroups takes `cgroup_threadgroup_rwsem` for writing. After a while without
 * writers that lock serves its readers (fork, exec, exit) without a shared counter, and the next writer waits
 * for an RCU grace period, 5 to 15 ms, before it has it; writers that follow within another grace period do not.
 * So the daemon moves itself to where it is, on one of Bun's I/O threads: a runtime that comes after it finds
 * the lock in its slow state. The state ends by itself, some 5 to 15 ms after the last move: a notice that comes
 * while one is under way is given after it, so that the state lasts until the move that the later one announces.
 */
export class MoveNotice {
  /** A hierarchy as /proc/PID/cgroup names it, and its mount point; undefined where there is none. */
  readonly #hierarchy: { readonly name: string; readonly root: string } | undefined;
  readonly #open: (path: string) => MoveTarget;
  #ownGroups: OwnGroups | undefined;
  /** Where the daemon was found, and what said so. */
  #target: { readonly groups: string; readonly group: MoveTarget } | undefined;
  #isUnderWay = false;
  #isWantedAgain = false;
  #keepers = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param open Of a group's `cgroup.procs`. */
  constructor({ v1, v2 }: CgroupHierarchies, open: (path: string) => MoveTarget = openTarget) {
    this.#open = open;
    const [first] = v1;
    if (first) this.#hierarchy = { name: first[0], root: first[1] };
    else if (v2 !== undefined) this.#hierarchy = { name: "", root: v2 };
  }

  /** Gives it now and every few milliseconds, until all who asked for that are done. */
  keepGiving(): Disposable {
    this.give();
    this.#keepers += 1;
    this.#timer ??= setInterval(() => this.give(), RENEWED_MS);
    let isDone = false;
    return {
      [Symbol.dispose]: () => {
        if (isDone) return;
        isDone = true;
        this.#keepers -= 1;
        if (this.#keepers > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  give(): void {
    const hierarchy = this.#hierarchy;
    if (hierarchy === undefined) return;
    if (this.#isUnderWay) {
      this.#isWantedAgain = true;
      return;
    }
    const target = this.#findTarget(hierarchy);
    if (target === undefined) return;
    this.#isUnderWay = true;
    this.#isWantedAgain = false;
    void target
      .move()
      .catch(() => this.#forgetTarget()) // it only spares time
      .finally(() => {
        this.#isUnderWay = false;
        if (this.#isWantedAgain) this.give();
      });
  }

  /** Looked for each time: somebody may have moved the daemon, or removed its group. */
  #findTarget(hierarchy: { readonly name: string; readonly root: string }): MoveTarget | undefined {
    this.#ownGroups ??= new OwnGroups();
    const groups = this.#ownGroups.read();
    if (this.#target?.groups === groups) return this.#target.group;
    this.#forgetTarget();
    const own = ownGroup(groups, hierarchy.name);
    if (own === undefined) return undefined;
    try {
      this.#target = { groups, group: this.#open(`${hierarchy.root}${own}/cgroup.procs`) };
    } catch {
      return undefined; // not to be seen from here, or gone by now: it only spares time
    }
    return this.#target.group;
  }

  #forgetTarget(): void {
    this.#target?.group[Symbol.dispose]();
    this.#target = undefined;
  }
}

/** Longer than the paths of all hierarchies. */
const GROUPS_BYTES = 32 * 1024;

/** /proc/self/cgroup, held open: a run reads it three times, each time with one system call instead of four. */
class OwnGroups {
  readonly #fd = openSync("/proc/self/cgroup", "r");
  readonly #buffer = Buffer.alloc(GROUPS_BYTES);

  read(): string {
    return this.#buffer.toString("utf8", 0, readSync(this.#fd, this.#buffer, 0, GROUPS_BYTES, 0));
  }
}

/** @throws What `node:fs` throws. */
function openTarget(path: string): MoveTarget {
  const fd = openSync(path, "w");
  return {
    move: () =>
      new Promise((resolve, reject) => {
        write(fd, SELF, 0, SELF.length, null, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** @param text /proc/PID/cgroup: `number:controllers:path`, controllers separated by commas, none for v2. */
export function ownGroup(text: string, name: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, controllers = "", path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path !== undefined && controllers.split(",").includes(name)) return path;
  }
  return undefined;
}
