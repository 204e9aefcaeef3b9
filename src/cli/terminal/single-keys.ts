import { readTerminalState, toSingleKeys, writeTerminalState } from "#libc/terminals.ts";

/** Gives keys as they are typed, unseen, until it is disposed, or the process exits by whatever path. */
export function enterSingleKeys(fd: number): Disposable {
  const before = readTerminalState(fd);
  const restore = (): void => {
    try {
      writeTerminalState(fd, before);
    } catch {
      // the terminal itself is gone
    }
  };
  writeTerminalState(fd, toSingleKeys(before));
  process.on("exit", restore);
  return {
    [Symbol.dispose](): void {
      process.off("exit", restore);
      restore();
    },
  };
}
