import type { ErrorKind } from "#base/errors.ts";
import type { Inventory } from "#builder/attestations/packages/found-package.ts";
import type { Digest, DiffId } from "#spec/digest.ts";

/** What a step changed in a snapshot, and what it stands on. */
export interface LayerTree {
  /** "overlay": `directory` holds changes in overlayfs's form. "merged": all files. */
  readonly form: "overlay" | "merged";
  readonly directory: string;
  /** Layers below, topmost first; of "merged" only the first. */
  readonly lowerDirectories: readonly string[];
  /** Folder that the layers below may be mounted on for the while. */
  readonly mountPoint: string;
  /**
   * What tells files of "merged" apart whose times and sizes are the same; nothing where absent. "inode": both trees show a
   * file of a layer that they share under one number.
   */
  readonly sameness?: "inode" | "content";
}

/** Which files of a tree are meant. */
export interface FileSelection {
  /** Absolute path of the tree. */
  readonly root: string;
  /** Path or pattern in it, `/` for all of it. */
  readonly source: string;
  /** Patterns of a `.dockerignore`, from the root of the tree. */
  readonly ignored: readonly string[];
  /** `--exclude`, from the source: of a file itself they say nothing. */
  readonly excludes: readonly string[];
  /** All belongs to root, whoever owns it in the tree: it is a folder of the client's. */
  readonly isOwnedByRoot: boolean;
}

/** One change to a root's files. Paths are absolute in the root; links in it lead where they would inside. */
export type FilesAction =
  | { readonly kind: "folder"; readonly path: string; readonly owner: string }
  | {
      readonly kind: "file";
      readonly name: string;
      /** Text, or a file of the host's that is copied. */
      readonly content: string | { readonly path: string };
      readonly destination: string;
      readonly owner?: string;
      readonly mode?: string;
      /** Permission bits where `mode` does not say. */
      readonly defaultMode: number;
      /** Seconds since the epoch; the time of writing when absent. */
      readonly mtimeSeconds?: number;
      readonly unpacks: boolean;
    }
  | (FileSelection & {
      readonly kind: "copy";
      readonly destination: string;
      readonly owner?: string;
      readonly mode?: string;
      readonly keepsParents: boolean;
      readonly unpacks: boolean;
    });

/** One piece of work for the process that handles a build's files: a line of JSON on descriptor 3. */
export type BuildJob =
  | {
      readonly kind: "layer";
      readonly tree: LayerTree;
      /** Where the layer's tar goes; only its digest is wanted when absent. */
      readonly blobPath?: string;
      /** Files that are newer have this time in the tar, in seconds since 1970. */
      readonly latestSeconds?: number;
      /** The step's own files are written to the disk too, to survive a power cut. */
      readonly isToLast?: boolean;
    }
  | { readonly kind: "apply"; readonly root: string; readonly actions: readonly FilesAction[] }
  | { readonly kind: "digest"; readonly selections: readonly FileSelection[] }
  /** What the selections match, file by file, up to `most` in all. */
  | { readonly kind: "list"; readonly selections: readonly FileSelection[]; readonly most: number }
  /** Which packages are in the tree at `root`, an absolute path. */
  | { readonly kind: "inventory"; readonly root: string };

export interface LayerResult {
  readonly diffId: DiffId;
  /** Of the tar. */
  readonly blobBytes: number;
  /** Of the files in it. */
  readonly sizeBytes: number;
}

/** What each job answers. */
export interface BuildJobResults {
  readonly layer: LayerResult;
  readonly apply: { readonly written: number };
  /**
   * For each selection the digest of what it matches: names, kinds, owners, modes, sizes, contents, attributes, and
   * never a time. Undefined where it matches nothing.
   */
  readonly digest: readonly (Digest | null)[];
  /** Paths in the trees with a short digest of what each file is. */
  readonly list: readonly (readonly [path: string, digest: string])[];
  readonly inventory: Inventory;
}

/** The line that answers a job. */
export type BuildReport =
  | { readonly type: "done"; readonly result: BuildJobResults[keyof BuildJobResults] }
  | { readonly type: "error"; readonly kind: ErrorKind; readonly message: string };
