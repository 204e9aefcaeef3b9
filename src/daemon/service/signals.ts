import type { Logger } from "#daemon/logger.ts";

/** Signals to end that it takes to be believed without a clean end: dockerd's number. */
const FORCE_SIGNALS = 3;
const NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGTERM: 15 };

function listen(
  signals: readonly NodeJS.Signals[],
  act: (signal: NodeJS.Signals) => void,
): Disposable {
  for (const signal of signals) process.on(signal, act);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, act);
    },
  };
}

/** Calls `onEnd` with the first signal to end; the third ends the process on the spot. */
export function watchEndSignals(onEnd: (signal: string) => void, logger: Logger): Disposable {
  let count = 0;
  return listen(["SIGTERM", "SIGINT"], (signal) => {
    count++;
    if (count >= FORCE_SIGNALS) {
      logger.info(`Forcing shutdown without cleanup; ${count} interrupts received`);
      process.exit(128 + (NUMBERS[signal] ?? 0));
    }
    onEnd(signal);
  });
}

/** SIGHUP: read the configuration file again. */
export function watchReloadSignal(onReload: () => void): Disposable {
  return listen(["SIGHUP"], onReload);
}

/** SIGUSR1: write down what the engine is at. */
export function watchDumpSignal(onDump: () => void): Disposable {
  return listen(["SIGUSR1"], onDump);
}
