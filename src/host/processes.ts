import type { PortProtocol } from "./sockets.ts";

/**
 * What a process inherits at one descriptor: a number is the daemon's own open descriptor; "ignore" is
 * /dev/null at 0 to 2 and nothing from 3 on.
 */
export type StdioTarget = "ignore" | "inherit" | "pipe" | number;

export interface SpawnOptions {
  /** Absolute path of the executable, then its arguments. */
  readonly argv: readonly string[];
  /** The whole environment; the daemon's own when absent. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /**
   * From descriptor 0 on; three at least. A "pipe" at 0 is the daemon's to write, at 1 and 2 to read; from
   * 3 on it is a socket pair, for both ways.
   */
  readonly stdio: readonly StdioTarget[];
  /**
   * Start it in a mount namespace that hides the v2 cgroup of a hybrid host (crun needs that); it sees the
   * host's mounts as they are at the start. For what ends soon: a process that stays (conmon) would pin
   * every mount of that moment, so it is started without, and given `runtimeLauncher`. No effect on other
   * hosts.
   */
  readonly hideUnifiedCgroup?: boolean;
  /** A network namespace to be born in. */
  readonly networkNamespacePath?: string;
  /** Own session, and not ended with the daemon. */
  readonly detached?: boolean;
}

export interface ExitStatus {
  /** 0–255; undefined when a signal ended it. */
  readonly code?: number;
  readonly signal?: number;
}

export interface SpawnedProcess {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  /** The daemon's ends, where `stdio` said "pipe"; same positions. The caller closes them. */
  readonly pipes: readonly (number | undefined)[];
}

/** A process of any parent, told apart from a later one with the same number by its start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly startTicks: number;
}

export interface RunResult extends ExitStatus {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Processes {
  /**
   * An executable to put before the command of an OCI runtime that another program starts: conmon's
   * `--runtime <launcher> --runtime-arg <runtime>`. It does for that one process what `hideUnifiedCgroup`
   * does. Undefined where nothing needs hiding. Valid while the daemon runs.
   */
  readonly runtimeLauncher: string | undefined;
  /**
   * An executable to put before a command, which then reads the end of a pipe as its standard input.
   *
   * @param options.hidesUnified It also does what `runtimeLauncher` does, where that is needed.
   * @returns Valid while the daemon runs; undefined where there can be none.
   */
  emptyInputLauncher(options: { readonly hidesUnified: boolean }): string | undefined;
  /**
   * A copy of a program that nobody can write to. crun starts itself anew from one each time, so that a
   * container cannot change the host's file through `/proc/self/exe`; given one it spares that (3 ms).
   * Valid while the daemon runs; made anew when the file is another.
   *
   * @returns `path` itself for a script, and where the host forbids it.
   */
  sealedCopy(path: string): string;
  spawn(options: SpawnOptions): SpawnedProcess;
  /**
   * Spawns, collects both outputs (each at most `maxOutputBytes`, 1 MiB when absent), waits. An abort
   * kills it.
   * @throws {ResourceExhaustedError} It wrote more, and was killed.
   */
  run(
    options: Omit<SpawnOptions, "stdio" | "detached"> & {
      readonly input?: string;
      readonly maxOutputBytes?: number;
    },
    signal?: AbortSignal,
  ): Promise<RunResult>;
  identify(pid: number): ProcessIdentity | undefined;
  isAlive(process: ProcessIdentity): boolean;
  /** It waits for something and has nothing to do; not while it is runnable, stopped or held up by a disk. */
  isAsleep(process: ProcessIdentity): boolean;
  /**
   * Stops this thread for a tenth of a millisecond, in which another process has its CPU: to wait for what takes less
   * than the 1 to 3 ms of the shortest timer.
   */
  giveWay(): void;
  /** @returns False when it is gone. */
  kill(process: ProcessIdentity, signal: number): boolean;
  /**
   * To a process and those of its group, unless that is of the daemon's own session.
   * @returns False when it is gone.
   */
  killGroup(process: ProcessIdentity, signal: number): boolean;
  /** Resolves when it has ended, child or not (pidfd). */
  waitGone(process: ProcessIdentity, signal?: AbortSignal): Promise<void>;
  /**
   * Makes room for `sizeBytes` in the pipes that it writes to, as far as the kernel allows it; at most 1 MiB. Nothing
   * when it is gone.
   */
  widenWrittenPipes(process: ProcessIdentity, sizeBytes: number): void;
  /** Who has a port of the host: `nginx (pid 4711)`; undefined when unknown. */
  portHolder(protocol: PortProtocol, port: number): string | undefined;
}
