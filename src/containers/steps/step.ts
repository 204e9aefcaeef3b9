import type { MappedOwners } from "#snapshots/snapshotter.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";

/** A mount of a step, ready on the host. */
export interface StepMount {
  readonly kind: "bind" | "tmpfs";
  /** Absolute path on the host; empty for tmpfs. */
  readonly source: string;
  /** Absolute, clean path in the root. */
  readonly destination: string;
  readonly isReadOnly: boolean;
  /** Of a tmpfs; no limit when absent. */
  readonly sizeBytes?: number;
  /** The source shows the owners that the step's users have; those on disk when absent. */
  readonly isMapped?: boolean;
}

/** One process to run in a root that is mounted. */
export interface StepRequest {
  readonly rootPath: string;
  /** Mounts the root again, at the same path, with other owners; with those on disk where there are none. */
  readonly remount: (owners?: MappedOwners) => Promise<void>;
  readonly args: readonly string[];
  /** `NAME=value`, the whole environment but for PATH and HOME where they are missing. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** `user[:group]` by the root's own files; empty for root. */
  readonly user: string;
  readonly hostname: string;
  readonly mounts: readonly StepMount[];
  readonly network: StepNetwork;
  readonly isPrivileged: boolean;
  readonly extraHosts: readonly string[];
  /** Another is to be expected as soon as this one has ended. */
  readonly isFollowed?: boolean;
  /** `Memory`, `Ulimits`, `CgroupParent`, `ShmSize` and their like. */
  readonly limits: Partial<HostConfig>;
}

/** The engine's own, which steps run in unless they ask for another. */
export const DEFAULT_NETWORK = "bridge";

/** A network that steps run in, one after the other or side by side. */
export type StepNetwork =
  | { readonly kind: "none" }
  | { readonly kind: "host" }
  /** The default network, or another by its name. */
  | { readonly kind: "bridge"; readonly name: string };

export interface StepExit {
  readonly exitCode: number;
  readonly oomKilled: boolean;
}

/** Told of each piece of output as it comes; the next waits until it is taken. */
export type StepOutput = (stream: "stdout" | "stderr", bytes: Uint8Array) => void | Promise<void>;

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
  readonly exited: Promise<StepExit>;
}
