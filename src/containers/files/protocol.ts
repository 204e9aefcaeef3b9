import type { ArchivePacking } from "#base/packing.ts";
import type { ErrorKind } from "#base/errors.ts";
import type { IdMappings } from "#base/id-mappings.ts";
import type { BodyRest } from "#http1/body-loan.ts";
import type { ProcessIdentity } from "#host/processes.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";

/** A mount on the container's root, as the worker makes it in a mount namespace of its own. */
export interface ViewMount {
  /** Path in the container; links on the way are followed inside its root. */
  readonly destination: string;
  /** Path on the host; absent: as it is mounted in the running container. */
  readonly source?: string;
  /** Of `source`, which has to be mounted so. */
  readonly isReadOnly: boolean;
  /** The user asked for exactly this folder of the host, be it `/proc`. */
  readonly isBind: boolean;
  /** Not mounted where it does not exist in the container; else the place is made. */
  readonly isOptional: boolean;
}

/** What a container's files are made of. */
export interface ContainerView {
  /** Where its root file system is mounted on the host. */
  readonly rootPath: string;
  readonly isReadOnly: boolean;
  readonly mounts: readonly ViewMount[];
  /** Whose mounts are taken over; absent for a container that does not run. */
  readonly process?: ProcessIdentity;
  /** What owners in it are on the host; absent where they are the same. */
  readonly mappings?: IdMappings;
}

/** A container's writable layer and what it stands on. */
export interface ChangedTree {
  /** "overlay": `directory` holds changes in overlayfs's form. "merged": all files. */
  readonly form: "overlay" | "merged";
  readonly directory: string;
  /** Layers below, topmost first; none for an empty image. Of "merged" only the first. */
  readonly lowerDirectories: readonly string[];
  /** Empty folder that the comparison may be mounted on, in a namespace of the worker's own. */
  readonly mountPoint: string;
}

/** One piece of work for the child process, which gets it as one line of JSON on descriptor 3. */
export type FilesJob =
  | { readonly kind: "stat"; readonly view: ContainerView; readonly path: string }
  /** `path` as a tar, on the data channel. */
  | { readonly kind: "pack"; readonly view: ContainerView; readonly path: string }
  /** The tar that comes by the data channel, into the folder `path`. */
  | {
      readonly kind: "extract";
      readonly view: ContainerView;
      readonly path: string;
      /** How the tar is packed. */
      readonly packing: ArchivePacking;
      /** A line comes before the tar, of `FilesInputHead`. */
      readonly hasInputHead?: boolean;
      readonly keepsKinds: boolean;
      /** A member `./` sets owner, mode and times of `path` itself. */
      readonly setsDirectory?: boolean;
      readonly owner?: { readonly uid: number; readonly gid: number };
    }
  /** The whole root as a tar, without mounts. */
  | { readonly kind: "export"; readonly view: ContainerView }
  /** The answer of `GET /containers/{id}/changes`. */
  | { readonly kind: "changes"; readonly tree: ChangedTree }
  /** An image layer's tar. */
  | { readonly kind: "layer"; readonly tree: ChangedTree };

/** With it comes the descriptor of a connection that the tar goes on by, where the data channel ends. */
export interface FilesInputHead {
  /** Absent: no descriptor has come. */
  readonly rest?: BodyRest;
}

/**
 * One line that the child writes to descriptor 3, a socket by which it gets an archive in the other
 * direction. An archive that it makes goes by descriptor 1, a pipe. `done` or an error is the last line.
 */
export type FilesReport =
  /** All that can be refused was not: data flow from here on. */
  | { readonly type: "ready"; readonly stat?: PathStat }
  /** So many bytes lie in the pipe: they can be read without waiting. */
  | { readonly type: "data"; readonly bytes: number }
  | { readonly type: "done" }
  | { readonly type: "error"; readonly kind: ErrorKind; readonly message: string };
