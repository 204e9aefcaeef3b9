import { readTerminalState, withoutEcho, writeTerminalState } from "#libc/terminals.ts";

/** Shows nothing of what is typed until it is disposed, or the process exits. */
export function hideTyping(fd: number): Disposable {
  const before = readTerminalState(fd);
  const restore = (): void => writeTerminalState(fd, before);
  writeTerminalState(fd, withoutEcho(before));
  const onInterrupt = (): never => process.exit(128 + 2);
  process.on("exit", restore);
  process.on("SIGINT", onInterrupt);
  return {
    [Symbol.dispose](): void {
      process.off("exit", restore);
      process.off("SIGINT", onInterrupt);
      restore();
    },
  };
}
