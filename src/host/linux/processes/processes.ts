import { readFileSync } from "node:fs";
import { InternalError, WharfError } from "#base/errors.ts";
import type {
  ProcessIdentity,
  Processes,
  RunResult,
  SpawnedProcess,
  SpawnOptions,
} from "#host/processes.ts";
import type { PortProtocol } from "#host/sockets.ts";
import { connectDescriptor } from "#host/linux/sockets/descriptor-socket.ts";
import { errnoOf, errnos, systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";
import { findPortHolder } from "#host/linux/sockets/port-holder.ts";
import { type ProcStat, parseProcStat } from "./proc-stat.ts";
import { tryOpenEmptyInputLauncher } from "./runtime-launcher.ts";
import { SealedExecutables } from "./sealed-executables.ts";
import { runProcess, type SpawnContext, spawnProcess } from "./spawn.ts";
import { widenWrittenPipes } from "./widen-pipes.ts";

const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
const PIDFD_NONBLOCK = 0o4000;
const GIVE_WAY_MICROS = 100;

export class LinuxProcesses implements Processes {
  readonly #context: SpawnContext;
  readonly #libc: Libc;
  readonly #sealed: SealedExecutables;
  /** Paths, by whether they hide the v2 cgroup; undefined where there can be none. */
  readonly #emptyInputLaunchers = new Map<boolean, string | undefined>();

  constructor(options: SpawnContext) {
    this.#context = options;
    this.#libc = options.libc;
    this.#sealed = new SealedExecutables(options);
  }

  get runtimeLauncher(): string | undefined {
    return this.#context.launcherPath;
  }

  emptyInputLauncher({ hidesUnified }: { readonly hidesUnified: boolean }): string | undefined {
    const hides = hidesUnified && this.runtimeLauncher !== undefined;
    if (!this.#emptyInputLaunchers.has(hides)) {
      this.#emptyInputLaunchers.set(hides, this.#tryOpenEmptyInputLauncher(hides));
    }
    return this.#emptyInputLaunchers.get(hides);
  }

  sealedCopy(path: string): string {
    return this.#sealed.pathOf(path);
  }

  spawn(options: SpawnOptions): SpawnedProcess {
    return spawnProcess(this.#context, options);
  }

  run(
    options: Omit<SpawnOptions, "stdio" | "detached"> & {
      readonly input?: string;
      readonly maxOutputBytes?: number;
    },
    signal?: AbortSignal,
  ): Promise<RunResult> {
    return runProcess(this.#context, options, signal);
  }

  identify(pid: number): ProcessIdentity | undefined {
    const stat = readStat(pid);
    return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
  }

  isAlive(process: ProcessIdentity): boolean {
    const stat = readStat(process.pid);
    return stat !== undefined && stat.startTicks === process.startTicks;
  }

  isAsleep(process: ProcessIdentity): boolean {
    const stat = readStat(process.pid);
    return stat !== undefined && stat.startTicks === process.startTicks && stat.isAsleep;
  }

  giveWay(): void {
    this.#libc.call.usleep(GIVE_WAY_MICROS);
  }

  kill(process: ProcessIdentity, signal: number): boolean {
    const pidfd = this.#openPidfd(process);
    if (pidfd === undefined) return false;
    try {
      if (this.#libc.call.syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0, 0, 0) === 0)
        return true;
      const errno = this.#libc.errno();
      if (errno === errnos.ESRCH) return false;
      throw systemError(`Cannot send signal ${signal} to process ${process.pid}`, errno);
    } finally {
      this.#libc.call.close(pidfd);
    }
  }

  killGroup(member: ProcessIdentity, signal: number): boolean {
    const stat = readStat(member.pid);
    if (stat?.startTicks !== member.startTicks) return false;
    if (stat.processGroup > 1 && stat.session !== readStat(process.pid)?.session) {
      try {
        process.kill(-stat.processGroup, signal);
      } catch (error) {
        if (errnoOf(error) !== errnos.ESRCH) throw error;
      }
    }
    return this.kill(member, signal);
  }

  async waitGone(process: ProcessIdentity, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const pidfd = this.#openPidfd(process);
    if (pidfd === undefined) return;
    await this.#waitPidfd(pidfd, signal);
    if (this.isAlive(process)) {
      throw new InternalError(`Process ${process.pid} was reported to have ended and is alive`);
    }
  }

  widenWrittenPipes(process: ProcessIdentity, sizeBytes: number): void {
    if (this.isAlive(process)) widenWrittenPipes(this.#libc, process.pid, sizeBytes);
  }

  portHolder(protocol: PortProtocol, port: number): string | undefined {
    return findPortHolder(protocol, port);
  }

  /**
   * Resolves when the process of `pidfd` has ended. Bun's event loop polls the descriptor like a socket's; it
   * turns readable once, at the end, the read fails because it is none, and Bun closes it. So the wait costs
   * neither a thread nor a timer.
   */
  async #waitPidfd(pidfd: number, signal?: AbortSignal): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const ended = (): void => resolve();
    const socket = await connectDescriptor(pidfd, {
      data: ended,
      close: ended,
      error: ended,
    }).catch((error: unknown) => {
      this.#libc.call.close(pidfd); // not taken
      throw error;
    });
    const onAbort = (): void => {
      socket.terminate();
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    await closed;
    signal?.removeEventListener("abort", onAbort);
    signal?.throwIfAborted();
  }

  #tryOpenEmptyInputLauncher(hidesUnified: boolean): string | undefined {
    try {
      return tryOpenEmptyInputLauncher(this.#libc, { hidesUnified })?.path;
    } catch (error) {
      if (error instanceof WharfError) return undefined; // sysctl vm.memfd_noexec
      throw error;
    }
  }

  /** @returns Undefined when that very process has ended; the caller closes the descriptor. */
  #openPidfd(process: ProcessIdentity): number | undefined {
    const pidfd = this.#libc.call.syscall(SYS_PIDFD_OPEN, process.pid, PIDFD_NONBLOCK, 0, 0, 0, 0);
    if (pidfd < 0) {
      const errno = this.#libc.errno();
      if (errno === errnos.ESRCH) return undefined;
      throw systemError(`Cannot watch process ${process.pid}`, errno);
    }
    // Compared only now: from here on the number cannot pass to another process unseen.
    if (this.isAlive(process)) return pidfd;
    this.#libc.call.close(pidfd);
    return undefined;
  }
}

/** Undefined for a process that has ended, a zombie included. */
function readStat(pid: number): ProcStat | undefined {
  try {
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    return stat?.hasEnded === true ? undefined : stat;
  } catch {
    return undefined; // ENOENT, or ESRCH when it ends while being read
  }
}
