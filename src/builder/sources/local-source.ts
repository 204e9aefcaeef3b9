/** A folder of the client's as the engine sees it, until it is disposed of. */
export interface LocalTree extends AsyncDisposable {
  /** Absolute path on this host. Nothing in it belongs to anybody but root, whatever its owners say. */
  readonly path: string;
  /** Patterns that still have to be held against it; empty where the client has done so. */
  readonly ignored: readonly string[];
  /** The same for the same files, where that is known without reading them. */
  readonly identity?: string;
}

/** What a build needs of a folder. */
export interface LocalTreeRequest {
  /** `context`, `dockerfile`, what `context:NAME=local:ID` says, or the URL of a named context. */
  readonly name: string;
  /** Patterns of the `.dockerignore`. */
  readonly ignored: readonly string[];
  /** Only these paths are needed; all when absent. */
  readonly onlyPaths?: readonly string[];
  /** Told of what came, where something has to come; `isDone` with the last. */
  readonly onProgress?: (receivedBytes: number, isDone: boolean) => void;
}

/**
 * The client's folders. A tar has one, which came whole; our own client on this host names them; a session sends what is
 * asked for.
 */
export interface LocalSources {
  /** @throws {NotFoundError} The client has no folder of that name. */
  open(request: LocalTreeRequest, signal: AbortSignal): Promise<LocalTree>;
}
