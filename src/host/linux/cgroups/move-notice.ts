import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { CgroupHierarchies } from "./hierarchies.ts";

/** Less than the shortest grace period, so that the lock's state lasts from one notice to the next. */
const RENEWED_MS = 5;

/** Writes a whole file, on a thread of its own. */
type WriteFile = (path: string, text: string) => Promise<void>;

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
  readonly #write: WriteFile;
  #isUnderWay = false;
  #isWantedAgain = false;
  #keepers = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ v1, v2 }: CgroupHierarchies, write: WriteFile = writeFile) {
    this.#write = write;
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
    // read each time: somebody may have moved the daemon
    const own = ownGroup(readFileSync("/proc/self/cgroup", "utf8"), hierarchy.name);
    if (own === undefined) return;
    this.#isUnderWay = true;
    this.#isWantedAgain = false;
    void this.#write(`${hierarchy.root}${own}/cgroup.procs`, String(process.pid))
      .catch(() => undefined) // it only spares time
      .finally(() => {
        this.#isUnderWay = false;
        if (this.#isWantedAgain) this.give();
      });
  }
}

/** @param text /proc/PID/cgroup: `number:controllers:path`, controllers separated by commas, none for v2. */
export function ownGroup(text: string, name: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, controllers = "", path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path !== undefined && controllers.split(",").includes(name)) return path;
  }
  return undefined;
}
