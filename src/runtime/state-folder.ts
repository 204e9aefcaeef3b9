import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "#host/processes.ts";

/** What is known before conmon starts; `record.json`. */
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

/** What is known once conmon has reported; `processes.json`. */
export interface ProcessPair {
  readonly process: ProcessIdentity;
  readonly supervisor: ProcessIdentity;
}

/**
 * The folder of one container or exec: the OCI bundle, conmon's socket and fifos, and all that a
 * successor of this daemon needs. It lies on a tmpfs, so nothing in it survives a reboot.
 */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
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

  writeRecord(record: ProcessRecord): void {
    this.#write("record.json", JSON.stringify(record));
  }

  readRecord(): ProcessRecord | undefined {
    return this.#readJson<ProcessRecord>("record.json");
  }

  writePair(pair: ProcessPair): void {
    this.#write("processes.json", JSON.stringify(pair));
  }

  readPair(): ProcessPair | undefined {
    return this.#readJson<ProcessPair>("processes.json");
  }

  /** `start` began: from here on the process may run. */
  markStarting(): void {
    writeFileSync(join(this.path, "starting"), "");
  }

  get isStarting(): boolean {
    return existsSync(join(this.path, "starting"));
  }

  /** The runtime has programs to run at `start` and `delete`, which are therefore its own to do. */
  markHooked(): void {
    writeFileSync(join(this.path, "hooked"), "");
  }

  get isHooked(): boolean {
    return existsSync(join(this.path, "hooked"));
  }

  /** conmon saw the kernel kill for lack of memory in the container's cgroup. */
  get sawOutOfMemory(): boolean {
    return existsSync(join(this.path, "oom"));
  }

  /** The exit code that conmon wrote, and when. */
  readExit(): { readonly exitCode: number; readonly finishedMs: number } | undefined {
    const path = join(this.path, "exit");
    const text = readIfThere(path);
    if (text === undefined) return undefined;
    return { exitCode: Number.parseInt(text, 10), finishedMs: statSync(path).mtimeMs };
  }

  /** By rename: a daemon killed on the way leaves the whole file or none. */
  #write(name: string, text: string): void {
    const path = join(this.path, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  #readJson<T>(name: string): T | undefined {
    const text = readIfThere(join(this.path, name));
    return text === undefined ? undefined : (JSON.parse(text) as T); // written by #write only
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
