import { closeSync, readSync } from "node:fs";
import {
  type ErrorKind,
  errorOfKind,
  FailedPreconditionError,
  InternalError,
} from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { ExitStatus, ProcessIdentity, Processes } from "#host/processes.ts";
import type { Sockets, StreamSocket } from "#host/sockets.ts";
import type { BodyLoan, LendableBytes } from "#http1/body-loan.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";
import type { FilesInputHead, FilesJob, FilesReport } from "./protocol.ts";
import type { FilesDone, FilesOutput, FilesWorkers } from "./workers.ts";

const SIGKILL = 9;
const OUTPUT = 1;
const SOCKET = 3;
const CHUNK_BYTES = 1024 * 1024;

export interface ProcessFilesWorkersOptions {
  readonly processes: Pick<Processes, "identify" | "isAlive" | "kill" | "spawn">;
  readonly sockets: Pick<Sockets, "adoptStream">;
  readonly clock: Pick<Clock, "delay">;
  /** Command that starts this executable: `["/usr/bin/wharf"]`. */
  readonly selfCommand: readonly string[];
}

/** How long a process waits for the next job. */
const SPARE_MS = 10_000;

/**
 * Each job in a child process of our own executable. A process takes as long to start as a small job to be
 * done, and jobs come in twos (a client looks, then copies): so with a look the next process is started, after
 * a copy behind the answer, and ends when no job came.
 */
export class ProcessFilesWorkers implements FilesWorkers, AsyncDisposable {
  readonly #options: ProcessFilesWorkersOptions;
  #spare: Promise<WaitingChild | undefined> | undefined;
  #expiry = new AbortController();
  #hasEnded = false;

  constructor(options: ProcessFilesWorkersOptions) {
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    await this.#endSpare();
  }

  async ask(job: FilesJob, signal: AbortSignal): Promise<FilesDone> {
    await using stack = new AsyncDisposableStack();
    const child = stack.use(await this.#start(job, signal));
    this.#keepSpare();
    const stat = await child.ready();
    await child.finished();
    return { ...(stat ? { stat } : {}), gone: stack.move().disposeAsync() };
  }

  async open(job: FilesJob, signal: AbortSignal): Promise<FilesOutput> {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => this.#keepSpare());
    const child = stack.use(await this.#start(job, signal));
    const stat = await child.ready();
    const open = stack.move();
    return {
      chunks: child.output(),
      ...(stat ? { stat } : {}),
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
  }

  async feed(job: FilesJob, input: LendableBytes, signal: AbortSignal): Promise<FilesDone> {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => this.#keepSpare());
    const mayBorrow = job.kind === "extract" && job.packing === "none" && input.lend !== undefined;
    const child = stack.use(
      await this.#start(mayBorrow ? { ...job, hasInputHead: true } : job, signal),
    );
    await child.ready();
    const loan = mayBorrow ? await input.lend?.() : undefined;
    if (mayBorrow) await sendHead(child, loan);
    await sendAll(child, input, signal);
    await child.finished();
    loan?.giveBack();
    return { gone: stack.move().disposeAsync() };
  }

  async #start(job: FilesJob, signal: AbortSignal): Promise<FilesChild> {
    signal.throwIfAborted();
    const spare = await this.#takeSpare();
    const child = spare ?? (await spawnChild(this.#options));
    return await orderChild(child, job, signal);
  }

  async #takeSpare(): Promise<WaitingChild | undefined> {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#expiry.abort();
    const child = await spare;
    if (child?.identity && this.#options.processes.isAlive(child.identity)) return child;
    if (child) await endChild(child);
    return undefined;
  }

  #keepSpare(): void {
    if (this.#spare || this.#hasEnded) return;
    // nobody waits for it: who needs one and finds none starts its own, and hears why that fails
    this.#spare = spawnChild(this.#options).catch(() => undefined);
    const expiry = new AbortController();
    this.#expiry = expiry;
    this.#options.clock.delay(SPARE_MS, expiry.signal).then(
      () => this.#endSpare(),
      () => undefined,
    );
  }

  async #endSpare(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#expiry.abort();
    const child = await spare;
    if (child) await endChild(child);
  }
}

/** @throws {UnavailableError} The child is gone. */
async function sendHead({ input }: FilesChild, loan: BodyLoan | undefined): Promise<void> {
  const head: FilesInputHead = loan ? { rest: loan.rest } : {};
  const line = Buffer.from(`${JSON.stringify(head)}\n`);
  if (loan) input.sendDescriptor(line, loan.descriptor);
  else await input.send(line);
}

/** @throws What the input threw. What ends the child is told by its report. */
async function sendAll(
  child: FilesChild,
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = input[Symbol.asyncIterator]();
  // Not by Promise.race: the promise of the child's end would hold every chunk until then.
  let wake = (_: "ended"): void => {};
  void child.ended.then((ended) => wake(ended));
  try {
    for (;;) {
      const coming = iterator.next();
      const next = await new Promise<IteratorResult<Uint8Array> | "ended">((resolve, reject) => {
        wake = resolve;
        coming.then(resolve, reject);
      });
      if (next === "ended" || next.done === true) return;
      try {
        await child.input.send(next.value);
      } catch {
        return; // the child has ended, and has said why
      }
    }
  } catch (error) {
    // what comes after is not to be taken for the end of the archive
    child.kill();
    signal.throwIfAborted();
    throw error;
  } finally {
    child.input.endWriting();
  }
}

interface FilesChild extends AsyncDisposable {
  readonly input: Pick<StreamSocket, "endWriting" | "send" | "sendDescriptor">;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<"ended">;
  /** @throws What the child refused. */
  ready(): Promise<PathStat | undefined>;
  /** Up to its end. @throws What kept it from that. */
  output(): AsyncGenerator<Uint8Array>;
  /** @throws What kept it from its end. */
  finished(): Promise<void>;
  kill(): void;
}

/** A process that waits for its order. */
interface WaitingChild {
  readonly identity: ProcessIdentity | undefined;
  readonly exited: Promise<ExitStatus>;
  readonly output: number;
  readonly socket: StreamSocket;
  kill(): void;
}

async function spawnChild(options: ProcessFilesWorkersOptions): Promise<WaitingChild> {
  const { processes, sockets, selfCommand } = options;
  const child = processes.spawn({
    argv: [...selfCommand, "worker", "files", String(process.pid)],
    env: {},
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  // taken at once: afterwards the number may be another process's
  const identity = processes.identify(child.pid);
  const kill = (): void => {
    if (identity) processes.kill(identity, SIGKILL);
  };
  const { [OUTPUT]: output, [SOCKET]: descriptor } = child.pipes;
  if (output === undefined || descriptor === undefined) {
    throw new InternalError("The process for files has no pipes");
  }
  const socket = await sockets.adoptStream(descriptor).catch((error: unknown) => {
    kill();
    closeSync(output);
    throw error;
  });
  return { identity, exited: child.exited, output, socket, kill };
}

async function endChild(child: WaitingChild): Promise<void> {
  child.kill();
  await child.exited;
  await child.socket[Symbol.asyncDispose]();
  closeSync(child.output);
}

/** Gives a process its order. */
async function orderChild(
  child: WaitingChild,
  job: FilesJob,
  signal: AbortSignal,
): Promise<FilesChild> {
  const { socket, output, kill } = child;
  signal.addEventListener("abort", kill, { once: true });
  const reports = readReports(socket);
  const next = async (): Promise<FilesReport> => {
    const { value } = await reports.next().catch(() => {
      kill(); // it ended before it had read all: that resets the connection
      return { value: undefined };
    });
    signal.throwIfAborted();
    if (value === undefined) throw endedEarly(await child.exited);
    if (value.type === "error") throw rebuild(value.kind, value.message);
    return value;
  };
  // one that has ended says so where its report is waited for
  await socket.send(Buffer.from(`${JSON.stringify(job)}\n`)).catch(() => undefined);
  return {
    input: socket,
    ended: child.exited.then((): "ended" => "ended"),
    kill,
    ready: async () => {
      const report = await next();
      return report.type === "ready" ? report.stat : undefined;
    },
    output: async function* () {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let report = await next(); report.type === "data"; report = await next()) {
        for (let left = report.bytes; left > 0; ) {
          // it lies there already: this does not wait
          const length = readSync(output, buffer, 0, Math.min(left, CHUNK_BYTES), null);
          if (length === 0) throw endedEarly(await child.exited);
          yield buffer.subarray(0, length);
          left -= length;
        }
      }
    },
    finished: async () => {
      await next();
    },
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener("abort", kill);
      await endChild(child);
      await reports.return(undefined);
    },
  };
}

function endedEarly(status: ExitStatus): FailedPreconditionError {
  const how = status.signal === undefined ? `code ${status.code}` : `signal ${status.signal}`;
  return new FailedPreconditionError(
    `Cannot work on the container's files: the process ended with ${how}`,
  );
}

async function* readReports(socket: StreamSocket): AsyncGenerator<FilesReport, undefined> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of socket.chunks()) {
    pending += decoder.decode(chunk, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    // our own executable wrote it
    for (const line of lines) yield JSON.parse(line) as FilesReport;
  }
}

/** Kinds that mean the same to the client; any other is trouble of the process alone. */
const TOLD_KINDS: ReadonlySet<ErrorKind> = new Set([
  "invalid-argument",
  "resource-exhausted",
  "permission-denied",
  "unsupported",
  "conflict",
  "not-found",
  "internal",
  "cancelled",
] as const);

function rebuild(kind: ErrorKind, message: string): Error {
  return errorOfKind(TOLD_KINDS.has(kind) ? kind : "failed-precondition", message);
}
