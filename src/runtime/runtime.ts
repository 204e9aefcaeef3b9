import type { CgroupStats } from "#host/cgroups.ts";
import type { ProcessIdentity } from "#host/processes.ts";
import type { SocketVault } from "#host/sockets.ts";
import type {
  Process as OciProcess,
  Resources as OciResources,
  Spec as OciSpec,
} from "#spec/oci-runtime.ts";

/**
 * Runs containers: an OCI runtime (crun, runc) makes them, one conmon each holds their terminal or
 * pipes, writes the log and reports the exit code. Mechanism only: whether a paused container may be
 * stopped is for `containers/` to decide.
 *
 * conmon outlives the daemon. What a successor needs is in `<stateDir>/<id>/` (pid files, attach
 * socket, control fifo, exit file), so `adopt` needs nothing from memory.
 */
export interface Runtime {
  /** Configured runtimes by name with their path and version, for `info`. */
  readonly runtimes: Readonly<Record<string, RuntimeInfo>>;
  readonly defaultRuntime: string;
  /** `conmon version …`, `crun version …`; for `version`. */
  readonly supervisorVersion: string;
  /**
   * Bundle, conmon, `create`: the process exists and waits. The attach socket is ready when it returns.
   *
   * @param signal An abort lets the runtime finish, removes what it made, then throws the reason.
   * @throws {CommandNotFoundError} Exit code 127. {CommandNotInvocableError} 126.
   *   {RuntimeRefusedError} Any other reason, 128. {ConflictError} A state folder of that id exists.
   *   {InvalidArgumentError} Unknown runtime. Nothing is left behind.
   */
  create(request: CreateRequest, signal: AbortSignal): Promise<RunningProcess>;
  /**
   * Lets the created process run.
   *
   * @param options.isAttached Whether clients may have attached before, which then miss nothing; true when absent.
   * @throws {ConflictError} It is not waiting to be started.
   */
  start(id: string, options?: { readonly isAttached?: boolean }): Promise<void>;
  /** Sends a signal to the first process of a container or exec. False when it is gone. */
  kill(id: string, signal: number): boolean;
  /** As `kill`, and to the processes that an exec has started, as long as they keep to its group. */
  killGroup(id: string, signal: number): boolean;
  pause(id: string): Promise<void>;
  /** Nothing for a container whose process has ended. */
  resume(id: string): Promise<void>;
  /**
   * Changes limits of a running or paused container; what `resources` leaves out stays.
   *
   * @throws {FailedPreconditionError} With the words of the runtime or the kernel; a part may be in force then.
   */
  update(id: string, resources: OciResources): Promise<void>;
  /** Why containers of that runtime cannot be checkpointed on this host; undefined where they can. */
  checkpointRefusal(runtimeName: string): Promise<string | undefined>;
  /**
   * Writes a running container's processes into a folder, from which `create` restores them.
   *
   * @param options.directory Exists and is empty.
   * @throws {FailedPreconditionError} With the runtime's words; the processes run on.
   */
  checkpoint(
    id: string,
    options: { readonly directory: string; readonly leaveRunning: boolean },
  ): Promise<void>;
  /**
   * Removes what is kept of a stopped container (cgroup, runtime's state, conmon's folder) or of an
   * ended exec. Idempotent; `force` kills first. Processes left in the cgroup are killed.
   * @throws {ConflictError} It runs and `force` is false.
   */
  delete(id: string, options: { readonly force: boolean }): Promise<void>;
  /**
   * Runs one more process in a running container. Errors as `create`.
   * @param signal As in `create`.
   */
  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess>;
  /** @param id A container or exec. @throws {ConflictError} It is not running. */
  attach(id: string, options?: AttachOptions): Promise<AttachStream>;
  /** Terminal size in characters, at most 65535 each. @throws {ConflictError} It is not running. */
  resize(id: string, size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Takes over what an earlier daemon started: alive, or ended with the exit that conmon wrote, or lost. */
  adopt(id: string): Promise<AdoptedProcess>;
  /** Makes conmon close its log and write to a new file at the same path, once the old one was renamed. */
  reopenLog(id: string): void;
  /** Ids of containers and execs with a state folder, for reconciling. */
  list(): readonly string[];
  /** Counters of a container's cgroup; empty when it has none. */
  stats(id: string): CgroupStats;
  /**
   * Sockets that a running container's supervisor keeps.
   *
   * @returns The caller's to dispose; undefined where there is none.
   */
  vault(id: string): SocketVault | undefined;
  /** Processes inside, host pids. */
  pids(id: string): readonly number[];
}

export interface RuntimeInfo {
  readonly path: string;
  readonly arguments: readonly string[];
  readonly version: string;
  readonly commit: string;
}

export interface CreateRequest {
  readonly id: string;
  readonly runtimeName: string;
  /**
   * Gives what the container is made from. Asked while conmon starts (4 ms), so what has to be made ready for
   * it goes on beside that; a rejection ends conmon and comes out of `create`.
   */
  readonly spec: () => OciSpec | Promise<OciSpec>;
  readonly terminal: boolean;
  /** Keep stdin open for attach. */
  readonly openStdin: boolean;
  /** Close it when the first attached client leaves. */
  readonly stdinOnce: boolean;
  /**
   * In a user namespace of its own. There crun gives what it finds as standard input to the container's user:
   * that must not be conmon's /dev/null, which is the host's.
   */
  readonly isRemapped: boolean;
  /** conmon's `--log-path`. */
  readonly logTarget: string;
  /** conmon's `--log-size-max`: it puts a new file in place of one that is longer. */
  readonly logMaxBytes?: number;
  /** Cgroup path of spec, for stats and clean-up. */
  readonly cgroupPath: string;
  /** The supervisor inherits it and keeps what is in it for as long as it lives; the caller's to dispose. */
  readonly vault?: SocketVault;
  /** A folder that `checkpoint` wrote: the processes in it go on when `create` returns, before `start`. */
  readonly restoreFrom?: string;
}

export interface ExecRequest {
  readonly containerId: string;
  readonly execId: string;
  /** Gives what is to run. Asked while conmon starts; a rejection ends conmon and comes out of `exec`. */
  readonly process: () => OciProcess | Promise<OciProcess>;
  readonly terminal: boolean;
  readonly openStdin: boolean;
  /** Attach before it runs, so that no output is missed. */
  readonly attach: boolean;
}

export interface ExecProcess extends RunningProcess {
  /** With `attach`; the caller disposes of it. */
  readonly stdio?: AttachStream;
}

export interface AttachOptions {
  /**
   * For a client without stdin: its leaving does not close a `stdinOnce` container's stdin. The connection is
   * then drained, not closed, until the container ends.
   */
  readonly outputOnly?: boolean;
}

export interface ProcessExit {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly finishedMs: number;
}

export interface RunningProcess {
  readonly process: ProcessIdentity;
  readonly supervisor: ProcessIdentity;
  /** Resolves once, also when conmon dies without a word (exit code 137 then). */
  readonly exited: Promise<ProcessExit>;
}

export type AdoptedProcess =
  | ({ readonly status: "running"; readonly paused: boolean } & RunningProcess)
  /** `create` finished and `start` never ran. */
  | ({ readonly status: "created" } & RunningProcess)
  | { readonly status: "exited"; readonly exit: ProcessExit }
  /** Neither a process nor an exit file: the host went down. */
  | { readonly status: "lost" };

/** Both ways of a container's or exec's stdio. */
export interface AttachStream extends AsyncDisposable {
  /** Output until the process closed it or the stream is disposed. One reader; back-pressure reaches the process. */
  output(): AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  write(input: Uint8Array): Promise<void>;
  /** The process reads end of file. */
  endInput(): void;
}
