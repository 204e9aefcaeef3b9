/** One line, or part of one longer than 16 KiB, of a container's output. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** When it was written, nanoseconds since the Unix epoch. */
  readonly timeNanos: bigint;
  /** With its newline, where there was one. */
  readonly bytes: Uint8Array;
  /** Not the end of its line. */
  readonly isPartial: boolean;
}

export interface LogReadRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Entries at or after, nanoseconds since the Unix epoch. */
  readonly sinceNanos?: bigint;
  readonly untilNanos?: bigint;
  /** Last lines only; all when absent. */
  readonly tail?: number;
  /** Go on with new entries until `untilNanos`, an abort, or `writerGone` has resolved and all is read. */
  readonly follow: boolean;
  readonly writerGone?: Promise<void>;
}

/** Where conmon is to write, and how it is read back. */
export interface LogDriver {
  readonly name: string;
  /** conmon's `--log-path` value, such as `k8s-file:/…/container.log`. */
  captureTarget(directory: string): string;
  /** The file shown as LogPath; empty for drivers without one. */
  filePath(directory: string): string;
  /** @throws {UnsupportedError} A driver that cannot be read, in Docker's words. */
  read(directory: string, request: LogReadRequest, signal: AbortSignal): AsyncIterable<LogEntry>;
}

export interface Logs {
  /** @throws {InvalidArgumentError} Unknown driver, naming those there are. */
  driver(name: string): LogDriver;
  /** @throws {InvalidArgumentError} An option the driver does not know. */
  validate(name: string, options: Readonly<Record<string, string>>): void;
  readonly names: readonly string[];
}
