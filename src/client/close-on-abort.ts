import type { Connection } from "./connection.ts";

/** Closes the connection when the signal aborts; disposing it ends the watch. */
export function closeOnAbort(
  connection: Connection,
  signal: AbortSignal | undefined,
): Disposable & { happened(): boolean } {
  const onAbort = (): void => connection.close();
  signal?.addEventListener("abort", onAbort);
  return {
    happened: () => signal?.aborted ?? false,
    [Symbol.dispose]: () => signal?.removeEventListener("abort", onAbort),
  };
}
