/** What a process inherits at one descriptor: a number is the daemon's own open descriptor. */
export type StdioTarget = "ignore" | "inherit" | "pipe" | number;

export interface SpawnOptions {
  /** Absolute path of the executable, then its arguments. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** From descriptor 0 on; three at least. */
  readonly stdio: readonly StdioTarget[];
  /**
   * Start it in the slave mount namespace that hides the v2 cgroup of a hybrid host (crun needs that).
   * No effect on other hosts.
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
  /** The daemon's ends, where `stdio` said "pipe"; same positions. */
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
  spawn(options: SpawnOptions): SpawnedProcess;
  /** Spawns, collects both outputs (each at most `maxOutputBytes`, 1 MiB when absent), waits. An abort kills it. */
  run(
    options: Omit<SpawnOptions, "stdio" | "detached"> & {
      readonly input?: string;
      readonly maxOutputBytes?: number;
    },
    signal?: AbortSignal,
  ): Promise<RunResult>;
  identify(pid: number): ProcessIdentity | undefined;
  isAlive(process: ProcessIdentity): boolean;
  /** @returns False when it is gone. */
  kill(process: ProcessIdentity, signal: number): boolean;
  /** Resolves when it has ended, child or not (pidfd). */
  waitGone(process: ProcessIdentity, signal?: AbortSignal): Promise<void>;
  /** Who listens on a TCP or UDP port of the host: `nginx (pid 4711)`; undefined when unknown. */
  portHolder(protocol: "tcp" | "udp", port: number): string | undefined;
}
