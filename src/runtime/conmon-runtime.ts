import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConflictError, InvalidArgumentError, invariant, NotFoundError } from "#base/errors.ts";
import type { Cgroups, CgroupStats } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets, SocketVault } from "#host/sockets.ts";
import type { Resources, Spec } from "#spec/oci-runtime.ts";
import { adoptProcess } from "./adopt.ts";
import { connectAttach } from "./conmon/attach.ts";
import { sendReopenLog, sendResize } from "./conmon/control.ts";
import { FIRST_INHERITED, startSupervisor } from "./conmon/supervisor.ts";
import { readExit } from "./exit.ts";
import type { ExitWatch } from "./exit-watch.ts";
import { CompiledFilters } from "./oci/compiled-filters.ts";
import { findCheckpointRefusal } from "./oci/criu.ts";
import { releaseProcess } from "./oci/exec-fifo.ts";
import { toFailure } from "./oci/failure.ts";
import {
  globalArguments,
  needsHiddenUnified,
  type RuntimeProgram,
  runnablePath,
  runProgram,
} from "./oci/program.ts";
import { splitOwnLimits } from "./oci/own-limits.ts";
import type { RuntimeChoice } from "./oci/select.ts";
import { scopedCgroupPath, withScope } from "./oci/systemd-scope.ts";
import { removeProcess } from "./remove.ts";
import type {
  AdoptedProcess,
  AttachOptions,
  AttachStream,
  CreateRequest,
  ExecProcess,
  ExecRequest,
  RunningProcess,
  Runtime,
  RuntimeInfo,
} from "./runtime.ts";
import { type ProcessPair, type ProcessRecord, StateFolder } from "./state-folder.ts";

export interface ConmonRuntimeParts {
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly bootId: string;
  /** Exists, with the folders `processes`, `runtimes` and `tty` in it. */
  readonly stateDir: string;
  readonly exits: ExitWatch;
  readonly conmonPath: string;
  readonly conmonVersion: string;
  readonly choice: RuntimeChoice;
  readonly systemdCgroup: boolean;
}

/** A conmon that is busier than this keeps no container from its start. */
const MOST_ATTACH_MS = 2000;
/** A conmon with that much to do looks at its control fifo between two pieces of output. */
const MOST_RESIZE_MS = 100;

/** Of the event loop, before a timer: a millisecond or two in all. */
const MOST_TURNS = 10;

/** Hooks that the runtime runs in its `start` and `delete`, which we do without where there are none. */
function hasLateHooks({ hooks }: Spec): boolean {
  return [...(hooks?.poststart ?? []), ...(hooks?.poststop ?? [])].length > 0;
}

interface Prepared {
  /** The command's first word, for messages. */
  readonly command: string;
}

/**
 * The runtime that stands on conmon and an OCI runtime. What the folders hold is all that a successor needs;
 * of those that this one made or took over it knows the same without reading them again.
 */
export class ConmonRuntime implements Runtime {
  readonly #parts: ConmonRuntimeParts;
  readonly #filters: CompiledFilters;
  #choice: RuntimeChoice;
  /** Programs that were configured once: what runs under one of them goes on to need it. */
  #known: ReadonlyMap<string, RuntimeProgram>;
  readonly #folders = new Map<string, StateFolder>();
  /** The ends of the supervisors that this daemon started, which are its children. */
  readonly #supervisorEnds = new Map<string, Promise<unknown>>();

  constructor(parts: ConmonRuntimeParts) {
    this.#parts = parts;
    this.#choice = parts.choice;
    this.#known = parts.choice.programs;
    this.#filters = new CompiledFilters(() => parts.clock.monotonicMs());
  }

  get runtimes(): Readonly<Record<string, RuntimeInfo>> {
    return Object.fromEntries(this.#choice.programs);
  }

  get defaultRuntime(): string {
    return this.#choice.defaultName;
  }

  /** Takes over other runtimes for what is made from now on. */
  useRuntimes(choice: RuntimeChoice): void {
    this.#known = new Map([...this.#known, ...choice.programs]);
    this.#choice = choice;
  }

  get supervisorVersion(): string {
    return this.#parts.conmonVersion;
  }

  async create(request: CreateRequest, signal: AbortSignal): Promise<RunningProcess> {
    signal.throwIfAborted();
    const program = this.#program(request.runtimeName);
    const isScoped = this.#isScoped(program);
    const { cgroupPath } = request;
    const record: ProcessRecord = {
      kind: "container",
      id: request.id,
      containerId: request.id,
      runtimeName: program.name,
      cgroupPath,
      limitedCgroupPath: isScoped ? scopedCgroupPath(cgroupPath) : cgroupPath,
      bootId: this.#parts.bootId,
      terminal: request.terminal,
      openStdin: request.openStdin,
      stdinOnce: request.stdinOnce,
      ...(request.restoreFrom === undefined ? {} : { isRestored: true }),
      ...(request.vault ? { vaultEnds: [FIRST_INHERITED, FIRST_INHERITED + 1] } : {}),
    };
    const folder = this.#makeFolder(record);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.delete(request.id, { force: true }));
    let learnFilter = (): void => {};
    const started = await this.#supervise(record, folder, {
      logTarget: request.logTarget,
      ...(request.logMaxBytes === undefined ? {} : { logMaxBytes: request.logMaxBytes }),
      ...(request.restoreFrom === undefined ? {} : { restoreFrom: request.restoreFrom }),
      hasEmptyInput: request.isRemapped,
      ...(request.vault ? { inherited: request.vault.ends } : {}),
      prepare: async () => {
        const spec = await request.spec();
        const scoped = isScoped ? withScope(spec) : spec;
        const compiled = this.#filters.apply(program, request.id, scoped);
        if (hasLateHooks(spec)) folder.markHooked();
        writeFileSync(folder.configFile, JSON.stringify(compiled.spec));
        learnFilter = compiled.learn;
        return { command: spec.process?.args[0] ?? "" };
      },
    });
    learnFilter();
    signal.throwIfAborted();
    undo.move();
    return started;
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> {
    signal.throwIfAborted();
    const container = this.#record(request.containerId);
    const record: ProcessRecord = {
      kind: "exec",
      id: request.execId,
      containerId: request.containerId,
      runtimeName: container.runtimeName,
      cgroupPath: container.cgroupPath,
      limitedCgroupPath: container.limitedCgroupPath,
      bootId: this.#parts.bootId,
      terminal: request.terminal,
      openStdin: request.openStdin,
      stdinOnce: true,
    };
    const folder = this.#makeFolder(record);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.delete(request.execId, { force: true }));
    let stdio: AttachStream | undefined;
    const started = await this.#supervise(record, folder, {
      logTarget: "none",
      // else it is conmon's /dev/null, the host's: who has it as a descriptor can change its mode
      hasEmptyInput: true,
      prepare: async () => {
        const process = await request.process();
        writeFileSync(folder.execFile, JSON.stringify(process));
        return { command: process.args[0] ?? "" };
      },
      ...(request.attach
        ? {
            attach: async () => {
              stdio = undo.use(await this.#connect(record, folder, {}));
            },
          }
        : {}),
    });
    signal.throwIfAborted();
    undo.move();
    return { ...started, ...(stdio === undefined ? {} : { stdio }) };
  }

  async start(
    id: string,
    { isAttached = true }: { readonly isAttached?: boolean } = {},
  ): Promise<void> {
    const folder = this.#folder(id);
    const record = this.#record(id);
    const program = this.#program(record.runtimeName);
    const { pair } = folder;
    if (pair === undefined || folder.isStarting) {
      throw new ConflictError(`Cannot start container ${id}: it does not wait to be started`);
    }
    if (record.isRestored) {
      folder.markStarting();
      return;
    }
    // conmon takes one waiting client, then looks at the container's output, and so on: clients that it has
    // not taken would miss what is written first
    if (isAttached) await this.#untilAsleep(pair, MOST_ATTACH_MS);
    folder.markStarting();
    if (program.family === "other" || folder.isHooked) {
      await this.#run(program, ["start", id], { isHooked: folder.isHooked });
      return;
    }
    const { processes, clock } = this.#parts;
    await releaseProcess(
      {
        path: join(program.rootDir, id, "exec.fifo"),
        family: program.family,
        isAlive: () => processes.isAlive(pair.process),
      },
      clock,
    );
  }

  kill(id: string, signal: number): boolean {
    const { pair } = this.#folder(id);
    return pair !== undefined && this.#parts.processes.kill(pair.process, signal);
  }

  killGroup(id: string, signal: number): boolean {
    const { pair } = this.#folder(id);
    return pair !== undefined && this.#parts.processes.killGroup(pair.process, signal);
  }

  async pause(id: string): Promise<void> {
    await this.#run(this.#program(this.#record(id).runtimeName), ["pause", id]);
  }

  async resume(id: string): Promise<void> {
    try {
      await this.#run(this.#program(this.#record(id).runtimeName), ["resume", id]);
    } catch (error) {
      const { pair } = this.#folder(id);
      // On cgroup v2 SIGKILL ends a frozen process at once, and both runtimes refuse to resume a dead one.
      if (pair !== undefined && this.#parts.processes.isAlive(pair.process)) throw error;
    }
  }

  async update(id: string, resources: Resources): Promise<void> {
    const record = this.#record(id);
    const program = this.#program(record.runtimeName);
    const { own, rest } = splitOwnLimits(resources, program.family);
    if (Object.keys(rest).length > 0) {
      await this.#run(program, ["update", "--resources", "-", id], { input: JSON.stringify(rest) });
    }
    if (own.length > 0) this.#parts.cgroups.limit(record.limitedCgroupPath, own);
  }

  checkpointRefusal(runtimeName: string): Promise<string | undefined> {
    const criuPath = Bun.which("criu") ?? undefined;
    return findCheckpointRefusal(this.#parts.processes, criuPath, this.#program(runtimeName));
  }

  async checkpoint(
    id: string,
    options: { readonly directory: string; readonly leaveRunning: boolean },
  ): Promise<void> {
    await this.#run(this.#program(this.#record(id).runtimeName), [
      "checkpoint",
      "--image-path",
      options.directory,
      "--work-path",
      this.#folder(id).path,
      ...(options.leaveRunning ? ["--leave-running"] : []),
      id,
    ]);
  }

  async delete(id: string, options: { readonly force: boolean }): Promise<void> {
    const folder = this.#folder(id);
    if (!existsSync(folder.path)) return this.#forget(id);
    const { record, pair } = folder;
    const isRunning =
      folder.readExit() === undefined && pair && this.#parts.processes.isAlive(pair.process);
    if (!options.force && isRunning === true) {
      throw new ConflictError(`Cannot delete ${id}: it is running`);
    }
    const program = record && this.#known.get(record.runtimeName);
    const supervisorEnd = this.#supervisorEnds.get(id);
    await removeProcess(this.#parts, { folder, record, pair, program, supervisorEnd });
    this.#forget(id);
  }

  attach(id: string, options: AttachOptions = {}): Promise<AttachStream> {
    return this.#connect(this.#record(id), this.#folder(id), options);
  }

  async resize(
    id: string,
    size: { readonly columns: number; readonly rows: number },
  ): Promise<void> {
    const folder = this.#folder(id);
    sendResize(folder.controlFifo, size);
    const { pair } = folder;
    // of two messages that it finds at once conmon 2.1.6 acts on the first one twice
    if (pair !== undefined) await this.#untilAsleep(pair, MOST_RESIZE_MS);
  }

  reopenLog(id: string): void {
    sendReopenLog(this.#folder(id).controlFifo);
  }

  adopt(id: string): Promise<AdoptedProcess> {
    const folder = this.#openFolder(id);
    this.#folders.set(id, folder); // read anew: another daemon's
    const name = folder.record?.runtimeName ?? "";
    const { bootId } = this.#parts;
    return adoptProcess(this.#parts, { folder, bootId, program: this.#known.get(name) });
  }

  list(): readonly string[] {
    return readdirSync(join(this.#parts.stateDir, "processes"));
  }

  vault(id: string): SocketVault | undefined {
    const { processes, sockets } = this.#parts;
    const folder = this.#folder(id);
    const ends = folder.record?.vaultEnds;
    const supervisor = folder.pair?.supervisor;
    if (!ends || !supervisor) return undefined;
    const vault = sockets.vaultOf(supervisor.pid, ends);
    // looked at last: what was found is of that process and of no later one with its number
    if (processes.isAlive(supervisor)) return vault;
    vault?.[Symbol.dispose]();
    return undefined;
  }

  pids(id: string): readonly number[] {
    return this.#parts.cgroups.pids(this.#record(id).cgroupPath);
  }

  stats(id: string): CgroupStats {
    const { record } = this.#folder(id);
    return record === undefined ? {} : this.#parts.cgroups.stats(record.limitedCgroupPath);
  }

  /** Starts conmon; resolves when the process waits (container) or runs (exec). */
  async #supervise(
    record: ProcessRecord,
    folder: StateFolder,
    request: {
      readonly logTarget: string;
      readonly logMaxBytes?: number;
      readonly restoreFrom?: string;
      /** Standard input is a pipe that has ended, where none is open. */
      readonly hasEmptyInput: boolean;
      readonly inherited?: readonly number[];
      /** Writes what the runtime reads; runs while conmon starts. */
      readonly prepare: () => Prepared | Promise<Prepared>;
      readonly attach?: () => Promise<void>;
    },
  ): Promise<RunningProcess> {
    const { processes, cgroups, conmonPath, stateDir, systemdCgroup } = this.#parts;
    const program = this.#program(record.runtimeName);
    const { attach } = request;
    cgroups.expectMove();
    using moves = new DisposableStack();
    let command = "";
    const needsEmptyInput = request.hasEmptyInput && !record.openStdin && !record.terminal;
    const hidesUnified = needsHiddenUnified(program);
    const emptyInputLauncher = needsEmptyInput
      ? processes.emptyInputLauncher({ hidesUnified })
      : undefined;
    const result = await startSupervisor(processes, {
      conmonPath,
      temporaryDir: join(stateDir, "tty"),
      prepare: async () => {
        ({ command } = await request.prepare());
        moves.use(cgroups.expectMoves()); // from here on, until the runtime has made them
      },
      ...(attach === undefined ? {} : { whenAttachable: attach }),
      ...(request.inherited === undefined ? {} : { inherited: request.inherited }),
      plan: {
        id: record.id,
        containerId: record.containerId,
        launcherPath: emptyInputLauncher ?? (hidesUnified ? processes.runtimeLauncher : undefined),
        runtimePath: runnablePath(processes, program),
        runtimeArguments: globalArguments(program, systemdCgroup),
        directory: folder.path,
        pidFile: folder.pidFile,
        terminal: record.terminal,
        openStdin: record.openStdin,
        keepStdinOpen: keepsStdinOpen(record),
        needsEmptyInput: needsEmptyInput && emptyInputLauncher === undefined,
        logTarget: request.logTarget,
        ...(request.logMaxBytes === undefined ? {} : { logMaxBytes: request.logMaxBytes }),
        ...(request.restoreFrom === undefined ? {} : { restoreFrom: request.restoreFrom }),
        ...(record.kind === "container"
          ? { exitDir: this.#parts.exits.directory }
          : { exec: { processFile: folder.execFile, attach: attach !== undefined } }),
      },
    }).finally(() => {
      this.#supervisorEnds.set(record.id, Promise.resolve()); // unless it went well
    });
    if (!result.ok) {
      throw toFailure({
        operation: record.kind === "exec" ? "exec" : "create",
        runtimeName: program.name,
        command,
        stderr: result.stderr,
      });
    }
    // A short exec may have ended by now; its start time is nobody's then.
    const process = processes.identify(result.pid) ?? { pid: result.pid, startTicks: 0 };
    const pair: ProcessPair = { process, supervisor: result.supervisor };
    folder.writePair(pair);
    this.#supervisorEnds.set(record.id, result.ended);
    const { reported } = result;
    const written = reported
      ? this.#noteReported(folder, reported)
      : this.#parts.exits.written(record.id, result.ended);
    const exited = written.then(() => readExit(this.#parts, folder, record, pair));
    return { ...pair, exited };
  }

  /** Resolves when an exec's conmon has told the exit code, or has ended without. */
  async #noteReported(folder: StateFolder, reported: Promise<number | undefined>): Promise<void> {
    const exitCode = await reported;
    if (exitCode === undefined) return;
    folder.noteExit({ exitCode, finishedMs: this.#parts.clock.nowMs() });
  }

  /** What wakes conmon is done with when it sleeps again. */
  async #untilAsleep({ supervisor }: ProcessPair, mostMs: number): Promise<void> {
    const { processes, clock } = this.#parts;
    const endMs = clock.monotonicMs() + mostMs;
    for (let attempt = 0; !processes.isAsleep(supervisor); attempt += 1) {
      if (!processes.isAlive(supervisor) || clock.monotonicMs() > endMs) return;
      // it takes a client in a tenth of a millisecond where a CPU is free: a timer would be ten times that
      if (attempt < MOST_TURNS) {
        processes.giveWay();
        await new Promise<void>((resolve) => setImmediate(resolve));
      } else await clock.delay(1);
    }
  }

  #connect(
    record: ProcessRecord,
    folder: StateFolder,
    options: AttachOptions,
  ): Promise<AttachStream> {
    const { processes, sockets } = this.#parts;
    return connectAttach(sockets, {
      socketPath: folder.attachSocket,
      widenInput: (sizeBytes) => {
        const { pair } = folder;
        if (pair) processes.widenWrittenPipes(pair.supervisor, sizeBytes);
      },
      mayNotLeave: options.outputOnly === true && record.openStdin && !keepsStdinOpen(record),
    });
  }

  #run(
    program: RuntimeProgram,
    command: readonly string[],
    options: { readonly input?: string; readonly isHooked?: boolean } = {},
  ): Promise<string> {
    const { processes, systemdCgroup } = this.#parts;
    return runProgram(processes, program, { systemdCgroup, command, ...options });
  }

  #makeFolder(record: ProcessRecord): StateFolder {
    const folder = this.#folder(record.id);
    if (existsSync(folder.path)) {
      throw new ConflictError(`Cannot create ${record.kind} ${record.id}: one of that id exists`);
    }
    mkdirSync(folder.path, { mode: 0o700 });
    folder.writeRecord(record);
    this.#folders.set(record.id, folder);
    return folder;
  }

  #folder(id: string): StateFolder {
    return this.#folders.get(id) ?? this.#openFolder(id);
  }

  #forget(id: string): void {
    this.#folders.delete(id);
    this.#supervisorEnds.delete(id);
  }

  #openFolder(id: string): StateFolder {
    invariant(/^[\w.-]+$/.test(id) && !id.startsWith("."), `"${id}" is the name of a folder`);
    const { stateDir, exits } = this.#parts;
    return new StateFolder(join(stateDir, "processes", id), exits.directory);
  }

  /** @throws {NotFoundError} Nothing of that id was created. */
  #record(id: string): ProcessRecord {
    const { record } = this.#folder(id);
    if (record === undefined)
      throw new NotFoundError(`No process of ${id} is known to the runtime`);
    return record;
  }

  #isScoped(program: RuntimeProgram): boolean {
    const { systemdCgroup, cgroups } = this.#parts;
    return program.family === "crun" && systemdCgroup && cgroups.layout === "v2";
  }

  #program(name: string): RuntimeProgram {
    const program = this.#choice.programs.get(name);
    if (program !== undefined) return program;
    const names = [...this.#choice.programs.keys()].join(", ");
    throw new InvalidArgumentError(`unknown or invalid runtime name: ${name} (there are ${names})`);
  }
}

/**
 * A terminal stays usable after a detach, and so does stdin that is not `stdinOnce`: conmon would close it
 * when the first client leaves.
 */
function keepsStdinOpen(record: ProcessRecord): boolean {
  return record.terminal || !record.stdinOnce;
}
