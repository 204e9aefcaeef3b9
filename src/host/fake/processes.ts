import { NotFoundError } from "#base/errors.ts";
import type {
  ExitStatus,
  ProcessIdentity,
  Processes,
  RunResult,
  SpawnedProcess,
  SpawnOptions,
} from "#host/processes.ts";
import type { PortProtocol } from "#host/sockets.ts";

export type RunOptions = Parameters<Processes["run"]>[0];

/** A process that lives until a test, or a signal that it does not ignore, ends it. */
export interface FakeProcess {
  readonly identity: ProcessIdentity;
  /** Undefined for one that was there before. */
  readonly options: SpawnOptions | undefined;
  /** Signals that it got. */
  readonly signals: readonly number[];
  end(status: ExitStatus): void;
}

interface Entry extends FakeProcess {
  readonly signals: number[];
  readonly exited: Promise<ExitStatus>;
  isAlive: boolean;
}

const SIGKILL = 9;

export class FakeProcesses implements Processes {
  readonly runtimeLauncher: string | undefined = undefined;
  readonly emptyInputLauncher = (): undefined => undefined;
  readonly #entries: Entry[] = [];
  readonly #holders = new Map<string, string>();
  #nextPid = 1000;
  /** Answers `run`; each that was asked is in `runs`. */
  onRun: (options: RunOptions) => RunResult | Promise<RunResult> = ({ argv }) => {
    throw new NotFoundError(`Cannot start "${argv[0]}": no such file or directory (ENOENT)`);
  };
  /** Called with each process that `spawn` started. */
  onSpawn: (process: FakeProcess) => void = () => {};
  readonly runs: RunOptions[] = [];

  /** All that were started, ended ones too. */
  get all(): readonly FakeProcess[] {
    return this.#entries;
  }

  /** A process that somebody else started. */
  addForeign(): FakeProcess {
    return this.#add(undefined);
  }

  setPortHolder(protocol: PortProtocol, port: number, holder: string): void {
    this.#holders.set(`${protocol}/${port}`, holder);
  }

  sealedCopy(path: string): string {
    return path;
  }

  spawn(options: SpawnOptions): SpawnedProcess {
    const process = this.#add(options);
    this.onSpawn(process);
    const pipes = options.stdio.map(() => undefined);
    return { pid: process.identity.pid, exited: process.exited, pipes };
  }

  async run(options: RunOptions, signal?: AbortSignal): Promise<RunResult> {
    signal?.throwIfAborted();
    this.runs.push(options);
    return this.onRun(options);
  }

  identify(pid: number): ProcessIdentity | undefined {
    return this.#entries.find((each) => each.isAlive && each.identity.pid === pid)?.identity;
  }

  isAsleep(process: ProcessIdentity): boolean {
    return this.isAlive(process);
  }

  giveWay(): void {}

  widenWrittenPipes(): void {}

  isAlive(process: ProcessIdentity): boolean {
    return this.#find(process)?.isAlive ?? false;
  }

  kill(process: ProcessIdentity, signal: number): boolean {
    const entry = this.#find(process);
    if (entry === undefined || !entry.isAlive) return false;
    entry.signals.push(signal);
    if (signal === SIGKILL) entry.end({ signal });
    return true;
  }

  killGroup(process: ProcessIdentity, signal: number): boolean {
    return this.kill(process, signal);
  }

  async waitGone(process: ProcessIdentity, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const exited = this.#find(process)?.exited;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    await Promise.race([exited, aborted]);
  }

  portHolder(protocol: PortProtocol, port: number): string | undefined {
    return this.#holders.get(`${protocol}/${port}`);
  }

  #find({ pid, startTicks }: ProcessIdentity): Entry | undefined {
    return this.#entries.find(
      ({ identity }) => identity.pid === pid && identity.startTicks === startTicks,
    );
  }

  #add(options: SpawnOptions | undefined): Entry {
    const pid = this.#nextPid;
    this.#nextPid += 1;
    const { promise: exited, resolve } = Promise.withResolvers<ExitStatus>();
    const entry: Entry = {
      identity: { pid, startTicks: pid * 10 },
      options,
      signals: [],
      exited,
      isAlive: true,
      end: (status) => {
        entry.isAlive = false;
        resolve(status);
      },
    };
    this.#entries.push(entry);
    return entry;
  }
}
