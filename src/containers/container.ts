import type { Digest } from "#spec/digest.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import type { HostConfig, Resources } from "#spec/engine-api/host-config.ts";
import type { NetworkingConfig } from "#spec/engine-api/networking-config.ts";
import type { ContainerId, NetworkId } from "#spec/ids.ts";
import type { ProcessIdentity } from "#host/processes.ts";

/**
 * What a container is doing, as observed. One writer: the container's own serialised lane in
 * `containers/`. See docs/container-life-cycle.md for the transitions.
 */
export type ContainerState =
  /** Made and never run; `failure` is that of the last attempt to start it. */
  | { readonly status: "created"; readonly failure?: StartFailure }
  | {
      readonly status: "running";
      readonly paused: boolean;
      readonly process: ProcessIdentity;
      readonly supervisor: ProcessIdentity;
      readonly startedNanos: bigint;
      /** End of the run before, where there was one: Docker goes on to show it. */
      readonly lastFinishedNanos?: bigint;
    }
  /** Ended, and its restart policy waits to start it again. */
  | { readonly status: "restarting"; readonly exit: ContainerExit; readonly nextStartMs: number }
  | { readonly status: "exited"; readonly exit: ContainerExit }
  /** On its way out; answered as gone, where that was not asked for by `rm`. */
  | { readonly status: "removing"; readonly exit?: ContainerExit }
  /** Half removed: only `rm` is possible. */
  | { readonly status: "dead"; readonly reason: string; readonly exit?: ContainerExit };

export interface StartFailure {
  /** 126 not invocable, 127 not found, 128 anything else. */
  readonly exitCode: number;
  readonly error: string;
}

export interface ContainerExit {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedNanos: bigint;
  readonly finishedNanos: bigint;
  /** Why it could not be started, where that is why. */
  readonly error?: string;
}

/** A mount of the container, resolved at create: volumes have names, sources are absolute. */
export interface ContainerMount {
  readonly kind: "bind" | "volume" | "tmpfs" | "image";
  /** Volume name; of an image the reference that the user wrote. */
  readonly name?: string;
  readonly driver?: string;
  /** Of a mounted image. */
  readonly imageId?: Digest;
  /** Path on the host; empty for tmpfs. */
  readonly source: string;
  /** Path in the container, absolute and clean. */
  readonly destination: string;
  readonly readOnly: boolean;
  /** Mode part of `-v`, as shown by inspect: `z`, `ro`. */
  readonly mode: string;
  readonly propagation: string;
  /** Fill an empty volume from the image's content at this path. */
  readonly copyUp: boolean;
  /** A bind whose missing source becomes a folder at start, as `-v` has it. */
  readonly createSource?: boolean;
  /** Mount what is below the source too; true when absent. */
  readonly recursive?: boolean;
  /** What is mounted below the source stays writable in a read-only bind. */
  readonly hasWritableSubmounts?: boolean;
  /** Owners other than on disk: what follows `idmap=`, empty for those of the container's user namespace. */
  readonly idMap?: string;
  /** Part of a volume or image that is mounted in place of its root, relative. */
  readonly subpath?: string;
  /** Options of a tmpfs: `size` → `64m`; a flag such as `noexec` has an empty value. */
  readonly options?: Readonly<Record<string, string>>;
}

/** What an update of a running container changes at its next start: the fields that take the others' place. */
export interface NextStart {
  readonly config: Pick<ContainerConfig, "Env" | "Volumes">;
  readonly hostConfig: Pick<HostConfig, "Binds" | "Mounts" | "Tmpfs">;
  readonly mounts: readonly ContainerMount[];
}

/** A legacy link of the default network (`--link`). */
export interface ContainerLink {
  readonly targetId: ContainerId;
  /** As it was when the link was made; a container that takes the name later takes the link. */
  readonly targetName: string;
  /** As the user wrote it. */
  readonly alias: string;
}

/** Everything about a container that survives the daemon. */
export interface ContainerRecord {
  readonly id: ContainerId;
  /** Without the leading slash. */
  readonly name: string;
  readonly createdNanos: bigint;
  readonly imageId: Digest;
  /** As the user wrote it. */
  readonly imageReference: string;
  /** The request merged with the image's configuration. */
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Wishes by the names of the networks. */
  readonly networkingConfig: NetworkingConfig;
  /** The networks of these names as they were; absent in records of earlier releases. */
  readonly networkIds?: Readonly<Record<string, NetworkId>>;
  readonly mounts: readonly ContainerMount[];
  readonly links?: readonly ContainerLink[];
  readonly state: ContainerState;
  /** Entry point and arguments as they will be run. */
  readonly path: string;
  readonly args: readonly string[];
  readonly restartCount: number;
  /** Stopped or killed by the user: `unless-stopped` and `always` hold back until the next start. */
  readonly stoppedByUser: boolean;
  /** Step that was under way; what a restarted daemon must finish or undo. `commit`: paused for it. */
  readonly intent?: "create" | "remove" | "commit";
  /** Whether `remove` takes the anonymous volumes too; what an interrupted removal goes on with. */
  readonly removesVolumes?: boolean;
  readonly nextStart?: NextStart;
  /** Limits in force before an update that is under way: those of `hostConfig` may or may not be. */
  readonly limitsBefore?: Partial<Resources>;
  /** Boot the state belongs to: on another one no process of it lives. */
  readonly bootId: string;
}
