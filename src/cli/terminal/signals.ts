/**
 * Signals that docker forwards to the container: all that Linux has and that can be caught, but those about our own
 * children, pipes, sockets, window and faults, the keys of the terminal's job control (a stopped client must be able to go
 * on), and SIGPWR and SIGPROF, with which the JavaScript engine stops its threads.
 */
export const forwardedSignals: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCONT",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGIO",
  "SIGPOLL",
];

/** Calls `forward` for each signal that reaches us (`SIGINT`, …) until disposed. */
export function forwardSignals(forward: (signal: string) => void): Disposable {
  const handlers = forwardedSignals.map((name) => [name, () => forward(name)] as const);
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
