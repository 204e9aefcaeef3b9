import type { Resources } from "#spec/engine-api/host-config.ts";

/** A mount of a step, ready on the host. */
export interface StepMountPoint {
  readonly kind: "bind" | "tmpfs";
  readonly source: string;
  /** Absolute and clean. */
  readonly destination: string;
  readonly isReadOnly: boolean;
  readonly sizeBytes?: number;
}

/** A command to be run in a root that is mounted. */
export interface StepCommand {
  readonly rootPath: string;
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

/** Runs steps as the engine runs containers. */
export interface StepRunner {
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
}
