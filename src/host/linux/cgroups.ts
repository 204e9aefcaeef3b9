import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { totalmem } from "node:os";
import { ConflictError, FailedPreconditionError, invariant } from "#base/errors.ts";
import type {
  CgroupAbilities,
  CgroupLayout,
  CgroupLimit,
  Cgroups,
  CgroupStats,
} from "#host/cgroups.ts";
import type { Mounts } from "#host/mounts.ts";
import { readAbilities } from "./cgroups/abilities.ts";
import { planLimitsV1, planLimitsV2 } from "./cgroups/limits.ts";
import {
  type CgroupHierarchies,
  findHierarchies,
  parseControllers,
} from "./cgroups/hierarchies.ts";
import { parseFlatKeyed } from "./cgroups/keyed.ts";
import { MoveNotice } from "./cgroups/move-notice.ts";
import { parseStatsV1 } from "./cgroups/stats-v1.ts";
import { parseStatsV2 } from "./cgroups/stats-v2.ts";
import { errnoOf, errnos, systemError } from "./ffi/errno.ts";
import type { Libc } from "./ffi/libc.ts";
import { countLoggedOomKills, readKernelLog } from "./kernel-log.ts";

/** A group stays busy for a moment after its last process has ended. */
const REMOVE_ATTEMPTS = 8;
const REMOVE_PAUSE_MS = 2;
/** Without a way to stop all at once, a group that forks meanwhile is swept again. */
const KILL_SWEEPS = 50;

export function openCgroups(libc: Libc, mounts: Mounts): Cgroups {
  const controllers = parseControllers(readText("/proc/cgroups") ?? "");
  const hierarchies = findHierarchies(mounts.list(), controllers);
  return new LinuxCgroups(hierarchies, () => readKernelLog(libc));
}

class LinuxCgroups implements Cgroups {
  readonly layout: CgroupLayout;
  readonly controllers: readonly string[];
  readonly #hierarchies: CgroupHierarchies;
  /** Mount points of all hierarchies, each once. */
  readonly #roots: readonly string[];

  readonly #rootFiles = new Map<string, boolean>();
  readonly #kernelLog: () => string;
  readonly #moveNotice: MoveNotice;

  constructor(hierarchies: CgroupHierarchies, kernelLog: () => string) {
    const { layout, v1, v2, named } = hierarchies;
    this.#hierarchies = hierarchies;
    this.#kernelLog = kernelLog;
    this.#moveNotice = new MoveNotice(hierarchies);
    this.layout = layout;
    const v2Roots = v2 === undefined ? [] : [v2];
    this.#roots = [...new Set([...v1.values(), ...named, ...v2Roots])];
    const unified = v2 === undefined ? "" : (readText(`${v2}/cgroup.controllers`) ?? "");
    const words = unified.trim().split(/\s+/).filter(Boolean);
    this.controllers = [...new Set([...v1.keys(), ...words])].sort();
  }

  abilities(): CgroupAbilities {
    return readAbilities(this.#hierarchies, {
      read: readText,
      exists: (path) => this.#hasFile(path),
      children: foldersIn,
    });
  }

  /** Of v1 the files of the roots are asked about, which stay the same; of v2 those of groups, which come and go. */
  #hasFile(path: string): boolean {
    if (this.layout === "v2") return existsSync(path);
    const known = this.#rootFiles.get(path) ?? existsSync(path);
    this.#rootFiles.set(path, known);
    return known;
  }

  expectMove(): void {
    this.#moveNotice.give();
  }

  expectMoves(): Disposable {
    return this.#moveNotice.keepGiving();
  }

  stats(path: string): CgroupStats {
    const { layout, v1, v2 } = this.#hierarchies;
    if (layout === "v2") {
      const folder = `${v2}${checked(path)}`;
      return parseStatsV2((file) => readText(`${folder}/${file}`), totalmem());
    }
    return parseStatsV1((controller, file) => {
      const root = v1.get(controller);
      return root === undefined ? undefined : readText(`${root}${checked(path)}/${file}`);
    }, totalmem());
  }

  limit(path: string, limits: readonly CgroupLimit[]): void {
    const { layout, v1, v2 } = this.#hierarchies;
    const writes = layout === "v2" ? planLimitsV2(limits) : planLimitsV1(limits);
    for (const { controller, file, text } of writes) {
      const root = layout === "v2" ? v2 : v1.get(controller);
      writeLimit(`${root}${checked(path)}`, path, { file, text });
    }
  }

  realtimeMicros(path: string): number {
    const root = this.#hierarchies.v1.get("cpu");
    const below = path === "/" ? "" : checked(path);
    const text = root === undefined ? undefined : readText(`${root}${below}/cpu.rt_runtime_us`);
    return Math.max(0, Number(text ?? 0));
  }

  giveRealtime(
    path: string,
    time: { readonly runtimeMicros: number; readonly periodMicros?: number },
  ): void {
    const root = this.#hierarchies.v1.get("cpu");
    if (root === undefined || !this.abilities().cpuRealtime) {
      throw new FailedPreconditionError("the kernel gives groups no real-time CPU");
    }
    const names = checked(path).slice(1).split("/");
    for (const [index] of names.entries()) {
      const group = `/${names.slice(0, index + 1).join("/")}`;
      mkdirSync(`${root}${group}`, { recursive: true });
      const { periodMicros, runtimeMicros } = time;
      if (periodMicros !== undefined) {
        writeLimit(`${root}${group}`, group, {
          file: "cpu.rt_period_us",
          text: String(periodMicros),
        });
      }
      writeLimit(`${root}${group}`, group, {
        file: "cpu.rt_runtime_us",
        text: String(runtimeMicros),
      });
    }
  }

  pids(path: string): readonly number[] {
    const pids = new Set<number>();
    for (const folder of this.#folders(path).flatMap(withBelow)) {
      for (const line of (readText(`${folder}/cgroup.procs`) ?? "").split("\n")) {
        // 0 stands for a process that this PID namespace does not see.
        if (line !== "" && line !== "0") pids.add(Number(line));
      }
    }
    return [...pids];
  }

  oomKills(path: string, sinceSeconds: number): number {
    const { layout, v1, v2 } = this.#hierarchies;
    const memory = v1.get("memory");
    const file =
      memory === undefined
        ? `${v2}${checked(path)}/memory.events`
        : `${memory}${checked(path)}/memory.oom_control`;
    const text = readText(file);
    if (text === undefined && layout === "v2") {
      return countLoggedOomKills(this.#kernelLog(), path, sinceSeconds);
    }
    return parseFlatKeyed(text ?? "")["oom_kill"] ?? 0;
  }

  exists(path: string): boolean {
    return this.#folders(path).length > 0;
  }

  children(path: string): readonly string[] {
    return [...new Set(this.#folders(path).flatMap(foldersIn))].sort();
  }

  removeEmpty(path: string): boolean {
    return this.#roots.map((root) => tryRemoveFolder(`${root}${checked(path)}`)).every(Boolean);
  }

  remove(path: string): void {
    for (const folder of this.#folders(path)) {
      // Deepest first: a group with groups below cannot be removed.
      for (const each of withBelow(folder).reverse()) removeFolder(each, path);
    }
  }

  kill(path: string): void {
    const { v1, v2 } = this.#hierarchies;
    const v2Kill = `${v2}${checked(path)}/cgroup.kill`;
    if (this.layout === "v2" && existsSync(v2Kill)) {
      writeText(v2Kill, "1");
      return;
    }
    const freezer = v1.get("freezer");
    const [file, frozen, thawed] =
      freezer === undefined
        ? [`${v2}${path}/cgroup.freeze`, "1", "0"]
        : [`${freezer}${path}/freezer.state`, "FROZEN", "THAWED"];
    // Frozen processes cannot fork away from the sweep; they die when thawed.
    writeText(file, frozen);
    try {
      this.#sweep(path);
    } finally {
      writeText(file, thawed);
    }
  }

  /** Signals all processes until no new one shows up. */
  #sweep(path: string): void {
    const signalled = new Set<number>();
    for (let left = KILL_SWEEPS; left > 0; left -= 1) {
      const fresh = this.pids(path).filter((pid) => !signalled.has(pid));
      if (fresh.length === 0) return;
      for (const pid of fresh) {
        signalled.add(pid);
        killProcess(pid);
      }
    }
    throw new ConflictError(`Cannot kill cgroup "${path}": it forks faster than it can be killed`);
  }

  /** Its folder in each hierarchy that has it. */
  #folders(path: string): string[] {
    return this.#roots.map((root) => `${root}${checked(path)}`).filter((each) => existsSync(each));
  }
}

function checked(path: string): string {
  const isPath = /^(?:\/[^/]+)+$/.test(path) && !path.split("/").includes("..");
  invariant(isPath, `"${path}" is no path of a cgroup`);
  return path;
}

/** A group and all below it, each before its children. */
function withBelow(folder: string): string[] {
  return [folder, ...foldersIn(folder).flatMap((name) => withBelow(`${folder}/${name}`))];
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function removeFolder(folder: string, path: string): void {
  for (let left = REMOVE_ATTEMPTS; ; left -= 1) {
    try {
      return rmdirSync(folder);
    } catch (error) {
      if (isGone(error)) return;
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const attempt = `Cannot remove cgroup "${path}"`;
      if (errno !== errnos.EBUSY) throw systemError(attempt, errno);
      if (left === 1) throw systemError(attempt, errno, "processes are in it");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REMOVE_PAUSE_MS);
    }
  }
}

/** @returns Whether it is gone; not where something is in it. */
function tryRemoveFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return isGone(error);
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== errnos.ESRCH) throw error;
  }
}

/** Undefined when the file, or the group, is not there. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** @throws {FailedPreconditionError} The kernel refuses. */
function writeLimit(
  folder: string,
  path: string,
  { file, text }: { readonly file: string; readonly text: string },
): void {
  try {
    writeFileSync(`${folder}/${file}`, text, { flag: "r+" });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw systemError(`Cannot write ${JSON.stringify(text)} to ${file} of cgroup "${path}"`, errno);
  }
}

/** Nothing to do for a group that is gone. */
function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "r+" });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** ENODEV: the group was removed while its file was open. */
function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === errnos.ENOENT || errno === errnos.ENODEV;
}
