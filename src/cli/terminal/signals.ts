import { constants } from "node:os";

/**
 * Signals that docker forwards to the container: all that can be caught, but those about our own
 * children, pipes, sockets and window.
 */
const notForwarded: readonly string[] = [
  "SIGCHLD",
  "SIGPIPE",
  "SIGURG",
  "SIGWINCH",
  "SIGKILL",
  "SIGSTOP",
  // the process's own faults
  "SIGSEGV",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGABRT",
  "SIGIOT",
  "SIGTRAP",
  "SIGSYS",
  // the JavaScript engine stops its threads with these
  "SIGPWR",
  "SIGPROF",
  // keys of the terminal's job control: a stopped client must be able to go on
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
];

/** Calls `forward` for each signal that reaches us (`SIGINT`, …) until disposed. */
export function forwardSignals(forward: (signal: string) => void): Disposable {
  const names = Object.keys(constants.signals).filter((name) => !notForwarded.includes(name));
  const handlers = names.map((name) => [name, () => forward(name)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return {
    [Symbol.dispose](): void {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}

/** Calls `onResize` for every change of the terminal's size until disposed. */
export function watchResize(onResize: () => void): Disposable {
  process.on("SIGWINCH", onResize);
  return {
    [Symbol.dispose](): void {
      process.off("SIGWINCH", onResize);
    },
  };
}
