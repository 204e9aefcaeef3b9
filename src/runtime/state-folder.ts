import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "#host/processes.ts";

/** What is known before conmon starts. */
export interface ProcessRecord {
  readonly kind: "container" | "exec";
  readonly id: string;
  /** The container itself, or the exec's. */
  readonly containerId: string;
  readonly runtimeName: string;
  readonly cgroupPath: string;
  /** Where its limits and counters are: `cgroupPath`, or a group below it. */
  readonly limitedCgroupPath: string;
  readonly bootId: string;
  readonly terminal: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  /** Its processes came out of a checkpoint: they wait for no start. */
  readonly isRestored?: true;
  /** conmon's descriptors of a vault with sockets. */
  readonly vaultEnds?: readonly [number, number];
}

/** What is known once conmon has reported. */
export interface ProcessPair {
  readonly process: ProcessIdentity;
  readonly supervisor: ProcessIdentity;
}

/** What conmon wrote at the end of a process. */
export interface ReportedExit {
  readonly exitCode: number;
  /** Milliseconds since the Unix epoch. */
  readonly finishedMs: number;
}

/** All that the file `state` says, one step of the process's life after the other. */
interface ProcessState {
  readonly record?: ProcessRecord;
  readonly pair?: ProcessPair;
  readonly isHooked?: true;
  readonly isStarting?: true;
}

/**
 * The folder of one container or exec: the OCI bundle, conmon's socket and fifos, and all that a
 * successor of this daemon needs. It lies on a tmpfs, so nothing in it survives a reboot.
 *
 * The steps of a process's life are lines of JSON in the file `state`, each added by one write: a file for each,
 * made under another name and renamed, took 15 times as long on a disk. Whoever made the folder knows what is
 * in it; who has not reads it once.
 */
export class StateFolder {
  readonly path: string;
  readonly #exitDir: string;
  #known: ProcessState | undefined;
  #exit: ReportedExit | undefined;

  /** @param exitDir Where conmon puts the exit codes of containers. */
  constructor(path: string, exitDir: string) {
    this.path = path;
    this.#exitDir = exitDir;
  }

  get configFile(): string {
    return join(this.path, "config.json");
  }
  /** The process of an exec, as `runtime exec --process` reads it. */
  get execFile(): string {
    return join(this.path, "exec.json");
  }
  get pidFile(): string {
    return join(this.path, "pid");
  }
  get attachSocket(): string {
    return join(this.path, "attach");
  }
  /** conmon's control fifo. */
  get controlFifo(): string {
    return join(this.path, "ctl");
  }

  get record(): ProcessRecord | undefined {
    return this.#state.record;
  }

  get pair(): ProcessPair | undefined {
    return this.#state.pair;
  }

  get isStarting(): boolean {
    return this.#state.isStarting === true;
  }

  get isHooked(): boolean {
    return this.#state.isHooked === true;
  }

  /** The first line: the folder is new. */
  writeRecord(record: ProcessRecord): void {
    this.#known = {};
    this.#add({ record });
  }

  writePair(pair: ProcessPair): void {
    this.#add({ pair });
  }

  /** `start` began: from here on the process may run. */
  markStarting(): void {
    this.#add({ isStarting: true });
  }

  /** The runtime has programs to run at `start` and `delete`, which are therefore its own to do. */
  markHooked(): void {
    this.#add({ isHooked: true });
  }

  /** conmon saw the kernel kill for lack of memory in the container's cgroup. */
  get sawOutOfMemory(): boolean {
    return existsSync(join(this.path, "oom"));
  }

  /** What conmon wrote at the end; kept once it was there. */
  readExit(): ReportedExit | undefined {
    const { record } = this.#state;
    const own = join(this.path, "exit");
    const paths = record?.kind === "container" ? [join(this.#exitDir, record.id), own] : [own];
    this.#exit ??= paths.map(tryReadExit).find((exit) => exit !== undefined);
    return this.#exit;
  }

  /** conmon has told what it also wrote. */
  noteExit(exit: ReportedExit): void {
    this.#exit = exit;
  }

  get #state(): ProcessState {
    this.#known ??= { ...readEarlierLayout(this.path), ...readState(this.path) };
    return this.#known;
  }

  #add(step: ProcessState): void {
    const state = { ...this.#state, ...step };
    appendFileSync(join(this.path, "state"), `${JSON.stringify(step)}\n`);
    this.#known = state;
  }
}

/** A daemon that was killed on the way leaves a last line that is whole, or none of it counts. */
function readState(path: string): ProcessState {
  const lines = readIfThere(join(path, "state"))?.split("\n").slice(0, -1) ?? [];
  return Object.assign({}, ...lines.map((line) => JSON.parse(line) as ProcessState)); // written by #add only
}

/** A file for each step, as earlier versions wrote them: of what an upgrade of the engine left running. */
function readEarlierLayout(path: string): ProcessState {
  const record = readIfThere(join(path, "record.json"));
  if (record === undefined) return {};
  const pair = readIfThere(join(path, "processes.json"));
  return {
    record: JSON.parse(record) as ProcessRecord, // whole: these files came by rename
    ...(pair === undefined ? {} : { pair: JSON.parse(pair) as ProcessPair }),
    ...(existsSync(join(path, "hooked")) ? { isHooked: true } : {}),
    ...(existsSync(join(path, "starting")) ? { isStarting: true } : {}),
  };
}

function tryReadExit(path: string): ReportedExit | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  return { exitCode: Number.parseInt(text, 10), finishedMs: statSync(path).mtimeMs };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
