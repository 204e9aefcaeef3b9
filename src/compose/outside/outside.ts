import type { ApiSocket } from "./api-socket.ts";

/** What of the user's machine is used beside the engine: programs that carry out a part of a project. */
export interface Outside {
  /** Folders of Docker's CLI plugins, the user's own first. */
  readonly pluginFolders: readonly string[];
  /** Variables that make a program find the same engine; they go under those of the project. */
  readonly engineVariables: ReadonlyMap<string, string>;
  /** What programs say for who looks for a fault in them. */
  readonly onDebug: (message: string) => void;
  /** For services with `use_api_socket`. */
  readonly apiSocket: () => Promise<ApiSocket>;
}
