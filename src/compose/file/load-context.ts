import type { Variable } from "./interpolate.ts";
import type { RemoteFiles } from "#compose/remote/remote-files.ts";
import type { Positions } from "./positions.ts";
import type { ReadBytes } from "./read-text.ts";

/** One Compose file; `-` with its content is standard input. */
export interface SourceFile {
  readonly path: string;
  readonly content?: string;
}

export interface LoadContext {
  /** Relative paths are from here. */
  readonly workingDirectory: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly positions: Positions;
  readonly isInterpolated: boolean;
  readonly keepsRelativePaths: boolean;
  readonly warn: (message: string) => void;
  readonly onVariable?: (variable: Variable) => void;
  readonly readBytes: ReadBytes;
  /** What of other places has been fetched. */
  readonly remotes: RemoteFiles;
  /** Files that are being included, from the first one. */
  readonly including: readonly string[];
}
