import { messageOf } from "#base/errors.ts";

/** What systemd puts into the environment of a service, taken out so that no child acts on it. */
export interface ServiceEnvironment {
  /** Socket that listens for what the service says; absent when nobody does. */
  readonly notifySocket?: string;
  /** Longest silence before the service is taken for hung. */
  readonly watchdogMs?: number;
  /** Descriptors from 3 on that are sockets, with their names; empty when none were handed over. */
  readonly listenNames: readonly string[];
}

const VARIABLES = [
  ...["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"],
  ...["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"],
] as const;
/** SD_LISTEN_FDS_START */
const FIRST_DESCRIPTOR = 3;
const MAX_SOCKETS = 1024;
const RETRY_MS = 100;

function count(text: string | undefined, max: number): number {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Math.min(Number(text), max) : 0;
}

/**
 * Reads the variables of sd_notify(3) and sd_listen_fds(3).
 *
 * @param pid They are for the process that they name alone.
 */
export function readServiceEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): ServiceEnvironment {
  const isOurs = (name: string): boolean => environment[name] === String(pid);
  const sockets = isOurs("LISTEN_PID") ? count(environment["LISTEN_FDS"], MAX_SOCKETS) : 0;
  const names = environment["LISTEN_FDNAMES"]?.split(":") ?? [];
  const notifySocket = environment["NOTIFY_SOCKET"];
  const isWatched = environment["WATCHDOG_PID"] === undefined || isOurs("WATCHDOG_PID");
  const watchdogMs = isWatched ? count(environment["WATCHDOG_USEC"], 1e15) / 1000 : 0;
  return {
    ...(notifySocket ? { notifySocket } : {}),
    ...(watchdogMs > 0 ? { watchdogMs } : {}),
    listenNames: Array.from({ length: sockets }, (_, index) => names[index] ?? "unknown"),
  };
}

/**
 * As `readServiceEnvironment`, and removes the variables: OCI runtimes know NOTIFY_SOCKET too, and would
 * tell systemd that a container is the service.
 */
export function takeServiceEnvironment(
  environment: Record<string, string | undefined>,
  pid: number,
): ServiceEnvironment {
  const taken = readServiceEnvironment(environment, pid);
  for (const name of VARIABLES) delete environment[name];
  return taken;
}

export function inheritedDescriptors({ listenNames }: ServiceEnvironment): readonly number[] {
  return listenNames.map((_, index) => FIRST_DESCRIPTOR + index);
}

export interface ServiceManagerOptions {
  readonly environment: ServiceEnvironment;
  /** Sends one datagram, and never waits: false when the receiver is behind. */
  readonly send: (socket: string, text: string) => boolean;
  /** CLOCK_MONOTONIC. */
  readonly monotonicMicroseconds: () => number;
  readonly warn: (message: string) => void;
}

/** Who started us as a service. Saying something to nobody does nothing; disposing ends the watchdog. */
export class ServiceManager implements Disposable {
  readonly #options: ServiceManagerOptions;
  readonly #waiting: string[] = [];
  #watchdog: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
  }

  /** From here on the event loop has to come round in time, or the service is started anew. */
  ready(status: string): void {
    this.#say(`READY=1\nSTATUS=${status}\nMAINPID=${process.pid}`);
    const { watchdogMs } = this.#options.environment;
    if (watchdogMs === undefined || this.#watchdog) return;
    this.#watchdog = setInterval(() => void this.#send("WATCHDOG=1"), watchdogMs / 2);
    this.#watchdog.unref();
  }

  /** `ready` is to follow. */
  reloading(): void {
    const microseconds = Math.trunc(this.#options.monotonicMicroseconds());
    this.#say(`RELOADING=1\nMONOTONIC_USEC=${microseconds}`);
  }

  stopping(status: string): void {
    this.#say(`STOPPING=1\nSTATUS=${status}`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
  }

  /** What the receiver has no room for yet is said later, in order. */
  #say(text: string): void {
    this.#waiting.push(text);
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#retry);
    while (this.#waiting[0] !== undefined) {
      if (!this.#send(this.#waiting[0])) {
        this.#retry = setTimeout(() => this.#flush(), RETRY_MS);
        return;
      }
      this.#waiting.shift();
    }
  }

  /** @returns False when it is to be tried again. */
  #send(text: string): boolean {
    const { environment, send, warn } = this.#options;
    if (environment.notifySocket === undefined) return true;
    try {
      return send(environment.notifySocket, text);
    } catch (error) {
      warn(`Cannot tell the service manager: ${messageOf(error)}`); // it restarts what stays silent
      return true;
    }
  }
}
