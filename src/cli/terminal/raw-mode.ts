import { readTerminalState, toRaw, writeTerminalState } from "#libc/terminals.ts";

/**
 * Switches a terminal to raw mode until it is disposed. Also given back when the process exits, by
 * whatever path, and on SIGTERM and SIGHUP, which end the process as they would have.
 */
export function enterRawMode(fd: number): Disposable {
  const before = readTerminalState(fd);
  const restore = (): void => {
    try {
      writeTerminalState(fd, before);
    } catch {
      // the terminal itself is gone
    }
  };
  const onTerminate = (): never => process.exit(128 + 15);
  const onHangUp = (): never => process.exit(128 + 1);
  writeTerminalState(fd, toRaw(before));
  process.on("exit", restore);
  process.on("SIGTERM", onTerminate);
  process.on("SIGHUP", onHangUp);
  return {
    [Symbol.dispose](): void {
      restore();
      process.off("exit", restore);
      process.off("SIGTERM", onTerminate);
      process.off("SIGHUP", onHangUp);
    },
  };
}
