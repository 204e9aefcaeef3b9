import { Semaphore } from "#base/async.ts";
import { errorOfKind, FailedPreconditionError, InternalError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { ExitStatus, ProcessIdentity, Processes } from "#host/processes.ts";
import type { Sockets, StreamSocket } from "#host/sockets.ts";
import type { BuildJob, BuildJobResults, BuildReport } from "./protocol.ts";

const SIGKILL = 9;
const SOCKET = 3;
/** How long a process without work stays. */
const SPARE_MS = 10_000;
/** More only compete for the disk. */
const MOST_WORKERS = 4;

export interface BuildWorkersOptions {
  readonly processes: Pick<Processes, "identify" | "isAlive" | "kill" | "spawn">;
  readonly sockets: Pick<Sockets, "adoptStream">;
  readonly clock: Pick<Clock, "delay">;
  /** Command that starts this executable: `["/usr/bin/wharf"]`. */
  readonly selfCommand: readonly string[];
}

/** Work on files, off the engine's event loop. */
export interface BuildFiles {
  /** @throws What the work was refused for. An abort ends the process that does it. */
  run<Job extends BuildJob>(job: Job, signal: AbortSignal): Promise<BuildJobResults[Job["kind"]]>;
}

interface Worker {
  readonly identity: ProcessIdentity | undefined;
  readonly exited: Promise<ExitStatus>;
  readonly socket: StreamSocket;
  readonly reports: AsyncGenerator<BuildReport, undefined>;
  kill(): void;
}

/**
 * Child processes of our own executable, kept between jobs: a build has many small ones, and a process takes longer to
 * start than most of them to be done.
 */
export class BuildWorkers implements BuildFiles, AsyncDisposable {
  readonly #options: BuildWorkersOptions;
  readonly #permits = new Semaphore(MOST_WORKERS);
  readonly #idle: { readonly worker: Worker; readonly expiry: AbortController }[] = [];
  #hasEnded = false;

  constructor(options: BuildWorkersOptions) {
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    const idle = this.#idle.splice(0);
    for (const { expiry } of idle) expiry.abort();
    await Promise.all(idle.map(({ worker }) => endWorker(worker)));
  }

  async run<Job extends BuildJob>(
    job: Job,
    signal: AbortSignal,
  ): Promise<BuildJobResults[Job["kind"]]> {
    return await this.#permits.run(async () => {
      signal.throwIfAborted();
      const worker = this.#takeIdle() ?? (await startWorker(this.#options));
      const result = await this.#ask(worker, job, signal);
      // a worker answers a job with its own result
      return result as BuildJobResults[Job["kind"]];
    });
  }

  async #ask(worker: Worker, job: BuildJob, signal: AbortSignal): Promise<unknown> {
    const kill = (): void => worker.kill();
    signal.addEventListener("abort", kill, { once: true });
    let isUsable = false;
    try {
      await worker.socket.send(Buffer.from(`${JSON.stringify(job)}\n`)).catch(() => undefined);
      const { value: report } = await worker.reports.next();
      signal.throwIfAborted();
      if (!report) throw endedEarly(await worker.exited);
      isUsable = true;
      if (report.type === "error") throw errorOfKind(report.kind, report.message);
      return report.result;
    } finally {
      signal.removeEventListener("abort", kill);
      if (isUsable && !this.#hasEnded) this.#keep(worker);
      else await endWorker(worker);
    }
  }

  #takeIdle(): Worker | undefined {
    for (let found = this.#idle.pop(); found; found = this.#idle.pop()) {
      found.expiry.abort();
      const { worker } = found;
      if (worker.identity && this.#options.processes.isAlive(worker.identity)) return worker;
      void endWorker(worker);
    }
    return undefined;
  }

  #keep(worker: Worker): void {
    const expiry = new AbortController();
    const kept = { worker, expiry };
    this.#idle.push(kept);
    this.#options.clock.delay(SPARE_MS, expiry.signal).then(
      async () => {
        const at = this.#idle.indexOf(kept);
        if (at < 0) return;
        this.#idle.splice(at, 1);
        await endWorker(worker);
      },
      () => undefined, // it has work again
    );
  }
}

async function startWorker(options: BuildWorkersOptions): Promise<Worker> {
  const { processes, sockets, selfCommand } = options;
  const child = processes.spawn({
    argv: [...selfCommand, "worker", "build", String(process.pid)],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  // taken at once: afterwards the number may be another process's
  const identity = processes.identify(child.pid);
  const kill = (): void => {
    if (identity) processes.kill(identity, SIGKILL);
  };
  const descriptor = child.pipes[SOCKET];
  if (descriptor === undefined) throw new InternalError("The process for builds has no socket");
  const socket = await sockets.adoptStream(descriptor).catch((error: unknown) => {
    kill();
    throw error;
  });
  return { identity, exited: child.exited, socket, reports: readReports(socket), kill };
}

async function endWorker(worker: Worker): Promise<void> {
  worker.kill();
  await worker.exited;
  await worker.socket[Symbol.asyncDispose]();
}

async function* readReports(socket: StreamSocket): AsyncGenerator<BuildReport, undefined> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of socket.chunks()) {
    pending += decoder.decode(chunk, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    // our own executable wrote it
    for (const line of lines) yield JSON.parse(line) as BuildReport;
  }
}

function endedEarly(status: ExitStatus): FailedPreconditionError {
  const how = status.signal === undefined ? `code ${status.code}` : `signal ${status.signal}`;
  return new FailedPreconditionError(
    `Cannot work on the build's files: the process ended with ${how}`,
  );
}
