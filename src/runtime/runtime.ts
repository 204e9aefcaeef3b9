import type { ProcessIdentity } from "#host/processes.ts";
import type { OciProcess, OciResources, OciSpec } from "#spec/oci-runtime.ts";

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
   * @throws {InvalidArgumentError} The runtime refuses the command: see `CommandNotInvocableError`.
   *   Nothing is left behind.
   */
  create(request: CreateRequest, signal: AbortSignal): Promise<RunningProcess>;
  /** Lets the created process run. */
  start(id: string): Promise<void>;
  /** Sends a signal to the container's first process. False when it is gone. */
  kill(id: string, signal: number): boolean;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  update(id: string, resources: OciResources): Promise<void>;
  /**
   * Removes what the runtime keeps of a stopped container (cgroup, state, conmon's folder).
   * Idempotent; `force` kills first.
   */
  delete(id: string, options: { readonly force: boolean }): Promise<void>;
  exec(request: ExecRequest, signal: AbortSignal): Promise<RunningProcess>;
  /** @param id A container or exec. @throws {ConflictError} It is not running. */
  attach(id: string): Promise<AttachStream>;
  /** Terminal size in characters. */
  resize(id: string, size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Takes over what an earlier daemon started: alive, or ended with the exit that conmon wrote, or lost. */
  adopt(id: string): Promise<AdoptedProcess>;
  /** Ids of containers and execs with a state folder, for reconciling. */
  list(): readonly string[];
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
  readonly spec: OciSpec;
  readonly terminal: boolean;
  /** Keep stdin open for attach. */
  readonly openStdin: boolean;
  /** Close it when the first attached client leaves. */
  readonly stdinOnce: boolean;
  /** conmon's `--log-path`. */
  readonly logTarget: string;
  /** Cgroup path of spec, for stats and clean-up. */
  readonly cgroupPath: string;
}

export interface ExecRequest {
  readonly containerId: string;
  readonly execId: string;
  readonly process: OciProcess;
  readonly terminal: boolean;
  readonly openStdin: boolean;
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
