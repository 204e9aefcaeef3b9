import type { Owner } from "#builder/files/root-paths.ts";
import type { MappedOwners } from "#snapshots/snapshotter.ts";
import type { Resources } from "#spec/engine-api/host-config.ts";

/** A mount of a step, ready on the host. */
export interface StepMountPoint {
  readonly kind: "bind" | "tmpfs";
  readonly source: string;
  /** Absolute and clean. */
  readonly destination: string;
  readonly isReadOnly: boolean;
  readonly sizeBytes?: number;
  /** The source shows the owners that the step's users have; those on disk when absent. */
  readonly isMapped?: boolean;
}

/** A command to be run in a root that is mounted. */
export interface StepCommand {
  readonly rootPath: string;
  /** Mounts the root again, with other owners or those on disk: of use where steps have users of their own. */
  readonly remount: (owners?: MappedOwners) => Promise<void>;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly hostname: string;
  readonly mounts: readonly StepMountPoint[];
  readonly network:
    | { readonly kind: "none" }
    | { readonly kind: "host" }
    | { readonly kind: "bridge"; readonly name: string };
  readonly isPrivileged: boolean;
  readonly extraHosts: readonly string[];
  /** Another command is to be expected as soon as this one has ended. */
  readonly isFollowed: boolean;
  readonly limits: Partial<Resources & { readonly ShmSize: number }>;
}

/** Users of steps that are others on the host: root of a step is nobody special there. */
export interface StepUsers {
  /** For mounts of layers: what is on disk is what the step sees. */
  owners(): Promise<MappedOwners>;
  /** @throws {InvalidArgumentError} The step knows nobody by that id. */
  onHost(owner: Owner): Owner;
}

/** A terminal of a step, in characters. */
export interface StepTerminal {
  readonly columns: number;
  readonly rows: number;
}

/** A process that somebody talks to. Disposing kills it and takes away what it had. */
export interface StepProcess extends AsyncDisposable {
  /** One reader; it ends when the process has closed its output. */
  output(): AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  write(input: Uint8Array): Promise<void>;
  /** It reads end of file. */
  endInput(): void;
  resize(size: StepTerminal): Promise<void>;
  /** @returns False when it is gone. */
  kill(signal: number): boolean;
  readonly exited: Promise<{ readonly exitCode: number }>;
}

/** Runs steps as the engine runs containers. */
export interface StepRunner {
  /** Absent where steps have the host's. */
  readonly users?: StepUsers;
  /**
   * Runs a command to its end and leaves nothing of it but what it did to the files. An abort kills it.
   *
   * @throws {CommandNotFoundError} And others of a container's start.
   */
  run(
    command: StepCommand,
    onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly oomKilled: boolean }>;
  /**
   * Starts a command for somebody to talk to, in a root that is thrown away afterwards.
   *
   * @param terminal Undefined for pipes.
   * @param signal Of the start alone.
   * @throws As `run`.
   */
  open(
    command: StepCommand,
    terminal: StepTerminal | undefined,
    signal: AbortSignal,
  ): Promise<StepProcess>;
}
