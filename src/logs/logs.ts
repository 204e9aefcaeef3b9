/** One line, or part of one longer than 16 KiB, of a container's output. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** When its first byte was read, nanoseconds since the Unix epoch. */
  readonly timeNanos: bigint;
  /** With its newline, where there was one. */
  readonly bytes: Uint8Array;
  /** Its line goes on in the next entry of the stream. */
  readonly isPartial: boolean;
  /** Of a line of several pieces, for those who send it away. */
  readonly part?: LogPart;
  /** What the options `labels`, `env` and `tag` chose; absent when that is nothing. */
  readonly attributes?: LogAttributes;
}

export interface LogPart {
  /** The same for all pieces of a line. */
  readonly id: string;
  /** From 1. */
  readonly ordinal: number;
  readonly isLast: boolean;
}

export type LogAttributes = Readonly<Record<string, string>>;
export type LogOptions = Readonly<Record<string, string>>;

/**
 * Entries that were read together, as columns. Logs have short lines by the hundred thousand: an object and a view
 * of bytes for each cost more than all else that is done with them.
 */
export interface LogBatch {
  readonly count: number;
  /** What the container wrote, entry after entry, with newlines where there were any. */
  readonly content: Buffer;
  /** Where each entry's content ends in it. */
  readonly ends: readonly number[];
  readonly streams: readonly LogEntry["stream"][];
  /** The whole second of each entry's time, nanoseconds since the Unix epoch: one value for many. */
  readonly secondsNanos: readonly bigint[];
  /** What is beyond it, in nanoseconds. */
  readonly fractionsNanos: readonly number[];
  readonly attributes: readonly (LogAttributes | undefined)[];
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

/** What becomes of a log when its receiver is too slow. */
export interface Delivery {
  /** The container waits for its log, once what is spooled is long enough. */
  readonly isBlocking: boolean;
  /** Of what the other end does not take, kept at most; where it is not blocking. */
  readonly bufferBytes: number;
}

/** What a log driver may know of a container. */
export interface LoggedContainer {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The container's own folder. */
  readonly directory: string;
  readonly imageId: string;
  readonly imageName: string;
  /** Path and arguments. */
  readonly command: readonly string[];
  readonly createdNanos: bigint;
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly driver: string;
  readonly options: LogOptions;
}

/** What a log needs of the run that writes it. */
export interface LogProcess {
  /** Makes conmon go on in a new file at the same path. @throws {ConflictError} It has ended. */
  reopenLog(): void;
  /** Holds the container's output back, as a full pipe does, until disposed; also ends with this process. */
  holdOutput(): Promise<AsyncDisposable>;
}

/** Where conmon is to write. */
export interface LogCapture {
  /** conmon's `--log-path` value, such as `k8s-file:/…/container.log`. */
  readonly target: string;
  /** conmon's `--log-size-max`, the backstop while no daemon runs. */
  readonly maxBytes?: number;
}

/** Takes what containers write out of conmon's hands, keeps or sends it, and reads it back. */
export interface Logs extends AsyncDisposable {
  readonly names: readonly string[];
  /**
   * @throws {InvalidArgumentError} Unknown driver; an option that the driver does not know or cannot read.
   *   {UnsupportedError} A driver of Docker's that this engine does not have.
   */
  validate(driver: string, options: LogOptions): void;
  /** @throws {InvalidArgumentError} As `validate`. */
  capture(container: Pick<LoggedContainer, "directory" | "driver" | "options">): LogCapture;
  /** The file shown as LogPath; empty for drivers without one. */
  filePath(container: Pick<LoggedContainer, "id" | "directory" | "driver">): string;
  /**
   * Before a run: reaches the other end, where the driver has one and is to wait for it.
   * @throws {FailedPreconditionError} It cannot be reached.
   */
  begin(container: LoggedContainer, signal: AbortSignal): Promise<void>;
  /** From now on what the run writes is taken over, at the place where the daemon before was. */
  follow(container: LoggedContainer, process: LogProcess): void;
  /** The run has ended: takes over what is left, unless the disk or the other end refuses it now. */
  end(container: LoggedContainer): Promise<void>;
  /** Before the container's folder goes. */
  forget(id: string): Promise<void>;
  /** @throws {UnsupportedError} There is nothing to read, in Docker's words. */
  read(
    container: LoggedContainer,
    request: LogReadRequest,
    signal: AbortSignal,
  ): AsyncIterable<LogBatch>;
}

/**
 * A driver that sends entries away. A driver is an object of this kind in `logs/<driver>/`; it stands in the
 * table of `drivers.ts`, and its tests run `testing/contract.ts`.
 */
export interface ShippingDriver {
  readonly name: string;
  /** Names of the options, besides those that all drivers share. */
  readonly options: readonly string[];
  /** A plugin's options are its own affair. */
  readonly takesAnyOption?: true;
  /** @throws {InvalidArgumentError} In Docker's words. */
  validate(options: LogOptions): void;
  /** Where the other end can be read: asked where nothing is kept here. @throws Where it cannot after all. */
  read?(
    container: LoggedContainer,
    request: LogReadRequest,
    signal: AbortSignal,
  ): AsyncIterable<LogBatch>;
  /** Where the driver has options of its own for that: whether the container waits, and what is kept if not. */
  delivery?(options: LogOptions): Delivery | undefined;
  /** @throws {UnavailableError} The other end cannot be reached and the options do not allow that. */
  open(container: LoggedContainer, signal: AbortSignal): Promise<LogShipper>;
}

export interface LogShipper extends AsyncDisposable {
  /**
   * Sends entries in order. Resolves when the other end, or the kernel for it, has them.
   *
   * @throws What failed: the same entries are given again after a while, so a shipper begins where it stopped
   *   if it can. An abort leaves open which entries were sent.
   */
  send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void>;
}
