import type { SourceRange } from "#builder/language/dockerfile-error.ts";
import type { RunMount } from "#builder/language/run-mounts.ts";

/** Where files of a step come from. */
export type FileOrigin =
  /** The build context. */
  | { readonly kind: "context" }
  /** A stage of the file, by its index. */
  | { readonly kind: "stage"; readonly index: number }
  /** An image, or a named context, by the name that was written. */
  | { readonly kind: "named"; readonly name: string };

/** Who owns what is written: as the source says where absent. */
export type WantedOwner = string;

/** One thing that COPY, ADD or WORKDIR does to the files. Paths are absolute in the stage. */
export type FileAction =
  | {
      readonly kind: "folder";
      readonly path: string;
      readonly owner: WantedOwner;
    }
  | {
      readonly kind: "file";
      readonly name: string;
      readonly content: string;
      readonly destination: string;
      readonly owner?: WantedOwner;
      readonly mode?: string;
    }
  | {
      readonly kind: "copy";
      readonly origin: FileOrigin;
      /** Path or pattern in the origin. */
      readonly source: string;
      /** Ends with a slash where a folder is meant. */
      readonly destination: string;
      readonly owner?: WantedOwner;
      readonly mode?: string;
      readonly keepsParents: boolean;
      readonly excludes: readonly string[];
      /** Archives are unpacked: always, never, or where they are archives. */
      readonly unpacks: boolean;
    }
  | {
      readonly kind: "http";
      readonly url: string;
      readonly destination: string;
      readonly owner?: WantedOwner;
      readonly mode?: string;
      readonly checksum?: string;
      readonly unpacks: boolean;
    }
  | {
      readonly kind: "git";
      readonly url: string;
      readonly destination: string;
      readonly owner?: WantedOwner;
      readonly mode?: string;
      readonly keepsGitDirectory?: boolean;
      readonly checksum?: string;
      readonly excludes: readonly string[];
    };

interface StepCommon {
  /** `RUN make`, as progress shows it behind the stage's name. */
  readonly title: string;
  readonly range: SourceRange;
}

/** A step that makes a layer. */
export type Step =
  | (StepCommon & {
      readonly kind: "run";
      /** Whole command line, shell included. */
      readonly args: readonly string[];
      /** `NAME=value`: ENV and ARG. */
      readonly env: readonly string[];
      readonly cwd: string;
      readonly user: string;
      readonly mounts: readonly RunMount[];
      readonly network: "default" | "none" | "host";
      readonly isPrivileged: boolean;
      /** A heredoc that is a program of its own: a file that the command runs. */
      readonly script?: { readonly name: string; readonly content: string };
    })
  | (StepCommon & {
      readonly kind: "files";
      readonly actions: readonly FileAction[];
      /** Needs nothing of the files before it. */
      readonly isLink: boolean;
    });

/** Folder where the file of a `script` is seen. */
export const SCRIPT_FOLDER = "/dev/pipes";
