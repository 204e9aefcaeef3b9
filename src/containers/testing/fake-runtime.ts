import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { CgroupStats } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { ProcessIdentity } from "#host/processes.ts";
import { CommandNotFoundError } from "#runtime/errors.ts";
import type { Resources } from "#spec/oci-runtime.ts";
import type {
  AdoptedProcess,
  AttachStream,
  CreateRequest,
  ExecProcess,
  ExecRequest,
  ProcessExit,
  RunningProcess,
  Runtime,
  RuntimeInfo,
} from "#runtime/runtime.ts";

interface FakeProcess {
  readonly id: string;
  readonly identity: ProcessIdentity;
  readonly containerId: string;
  readonly args: readonly string[];
  status: "created" | "running" | "exited";
  paused: boolean;
  exit: ProcessExit | undefined;
  exited: PromiseWithResolvers<ProcessExit>;
}

/** A limit of processes that `update` fails on. */
export const REFUSED_PIDS = 666;

/** The processes of a host: what outlives a daemon. */
export class FakeProcesses {
  readonly all: Map<string, FakeProcess> = new Map();
  /** Containers whose process does nothing on SIGTERM. */
  readonly deaf: Set<string> = new Set();
  readonly signals: string[] = [];
  /** What each container may use, as made and updated. */
  readonly limits: Map<string, Resources> = new Map();
  /** Why nothing is checkpointed; undefined where it is. */
  checkpointRefusal: string | undefined;
  /** Folders that containers were restored from. */
  readonly restored: string[] = [];
  readonly #clock: Pick<Clock, "nowMs">;
  #nextPid = 1000;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  add(id: string, containerId: string, args: readonly string[]): FakeProcess {
    if (this.all.has(id)) throw new ConflictError(`A state folder of ${id} exists`);
    const process: FakeProcess = {
      id,
      containerId,
      args,
      identity: { pid: this.#nextPid++, startTicks: 1 },
      status: "created",
      paused: false,
      exit: undefined,
      exited: Promise.withResolvers(),
    };
    this.all.set(id, process);
    return process;
  }

  /** The process ends by itself. */
  end(id: string, exitCode: number, options: { readonly oomKilled?: boolean } = {}): void {
    const process = this.all.get(id);
    if (!process || process.status === "exited") return;
    process.status = "exited";
    process.paused = false;
    process.exit = {
      exitCode,
      oomKilled: options.oomKilled ?? false,
      finishedMs: this.#clock.nowMs(),
    };
    process.exited.resolve(process.exit);
    for (const other of this.all.values()) {
      if (other.containerId === id && other.id !== id) this.end(other.id, 137);
    }
  }

  /** A power cut: nothing of /run is left. */
  reboot(): void {
    this.all.clear();
  }
}

/** A daemon's view of the processes. */
export class FakeRuntime implements Runtime {
  readonly runtimes: Readonly<Record<string, RuntimeInfo>> = {
    crun: { path: "/usr/bin/crun", arguments: [], version: "1", commit: "" },
  };
  readonly defaultRuntime = "crun";
  readonly supervisorVersion = "conmon version 2";
  readonly attached: FakeStream[] = [];
  readonly #world: FakeProcesses;

  constructor(world: FakeProcesses) {
    this.#world = world;
  }

  async create(request: CreateRequest, signal: AbortSignal): Promise<RunningProcess> {
    signal.throwIfAborted();
    const { process, linux } = await request.spec();
    const args = process?.args ?? [];
    this.#world.limits.set(request.id, linux.resources ?? {});
    if (args[0] === "nosuch") {
      throw new CommandNotFoundError('exec: "nosuch": executable file not found in $PATH');
    }
    if (request.restoreFrom !== undefined) this.#world.restored.push(request.restoreFrom);
    return running(this.#world.add(request.id, request.id, args));
  }

  vault(): undefined {
    return undefined;
  }

  async start(id: string): Promise<void> {
    const process = this.#world.all.get(id);
    if (process?.status !== "created") throw new ConflictError(`${id} is not waiting`);
    process.status = "running";
    if (process.args[0] === "true") this.#world.end(id, 0);
  }

  kill(id: string, signal: number): boolean {
    const process = this.#world.all.get(id);
    if (!process || process.status === "exited") return false;
    this.#world.signals.push(`${signal}`);
    const isDeadly = signal === 9 || (signal === 15 && !this.#world.deaf.has(id));
    // a frozen process dies when it is thawed, as with cgroup v1
    if (isDeadly && process.paused)
      process.exit = { exitCode: 128 + signal, oomKilled: false, finishedMs: 0 };
    else if (isDeadly) this.#world.end(id, 128 + signal);
    return true;
  }

  killGroup(id: string, signal: number): boolean {
    return this.kill(id, signal);
  }

  async pause(id: string): Promise<void> {
    const process = this.#world.all.get(id);
    if (process) process.paused = true;
  }

  async resume(id: string): Promise<void> {
    const process = this.#world.all.get(id);
    if (!process) return;
    process.paused = false;
    if (process.exit) this.#world.end(id, process.exit.exitCode);
  }

  async update(id: string, resources: Resources): Promise<void> {
    const process = this.#world.all.get(id);
    if (!process || process.status === "exited") throw new ConflictError(`${id} is not running`);
    if (resources.pids?.limit === REFUSED_PIDS) throw new ConflictError("the kernel refuses");
    const before = this.#world.limits.get(id) ?? {};
    const memory = { ...before.memory, ...resources.memory };
    this.#world.limits.set(id, { ...before, ...resources, memory });
  }

  async checkpointRefusal(): Promise<string | undefined> {
    return this.#world.checkpointRefusal;
  }

  async checkpoint(
    id: string,
    options: { readonly directory: string; readonly leaveRunning: boolean },
  ): Promise<void> {
    const process = this.#world.all.get(id);
    if (process?.args[0] === "uncheckpointable") throw new ConflictError("criu refuses");
    writeFileSync(join(options.directory, "pages-1.img"), "pages");
    if (!options.leaveRunning) this.#world.end(id, 137);
  }

  async delete(id: string, options: { readonly force: boolean }): Promise<void> {
    const process = this.#world.all.get(id);
    if (!process) return;
    if (process.status !== "exited" && !options.force) throw new ConflictError(`${id} runs`);
    this.#world.end(id, 137);
    this.#world.all.delete(id);
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> {
    signal.throwIfAborted();
    const { args } = await request.process();
    if (args[0] === "nosuch") {
      throw new CommandNotFoundError('exec: "nosuch": executable file not found in $PATH');
    }
    const process = this.#world.add(request.execId, request.containerId, args);
    process.status = "running";
    if (!request.attach) return running(process);
    const stdio = new FakeStream();
    void process.exited.promise.then(() => stdio.end());
    return { ...running(process), stdio };
  }

  async attach(id: string): Promise<AttachStream> {
    const process = this.#world.all.get(id);
    if (!process || process.status === "exited") throw new ConflictError(`${id} is not running`);
    const stream = new FakeStream(process.status);
    this.attached.push(stream);
    void process.exited.promise.then(() => stream.end());
    return stream;
  }

  async resize(): Promise<void> {}

  reopenLog(): void {}

  async adopt(id: string): Promise<AdoptedProcess> {
    const process = this.#world.all.get(id);
    if (!process) return { status: "lost" };
    switch (process.status) {
      case "created":
        return { status: "created", ...running(process) };
      case "running":
        return { status: "running", paused: process.paused, ...running(process) };
      case "exited":
        return process.exit ? { status: "exited", exit: process.exit } : { status: "lost" };
    }
  }

  list(): readonly string[] {
    return [...this.#world.all.keys()];
  }

  stats(): CgroupStats {
    return {};
  }

  pids(id: string): readonly number[] {
    const process = this.#world.all.get(id);
    return process ? [process.identity.pid] : [];
  }
}

function running(process: FakeProcess): RunningProcess {
  return {
    process: process.identity,
    supervisor: { pid: process.identity.pid + 100_000, startTicks: 1 },
    exited: process.exited.promise,
  };
}

/** Output of one chunk, which says what state the process was in when the client came. */
export class FakeStream implements AttachStream {
  readonly written: string[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #greeting: string;
  isInputEnded = false;
  isDisposed = false;

  constructor(greeting = "running") {
    this.#greeting = greeting;
  }

  end(): void {
    this.#ended.resolve();
  }

  async *output(): AsyncIterable<{ readonly stream: "stdout"; readonly bytes: Uint8Array }> {
    yield { stream: "stdout", bytes: new TextEncoder().encode(this.#greeting) };
    await this.#ended.promise;
  }

  async write(input: Uint8Array): Promise<void> {
    this.written.push(new TextDecoder().decode(input));
  }

  endInput(): void {
    this.isInputEnded = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    this.end();
  }
}
