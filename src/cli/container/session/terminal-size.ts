import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { watchResize } from "#cli/terminal/signals.ts";
import type { EngineClient } from "#client/engine-client.ts";

/**
 * Gives a TTY of the container the size of our terminal, now and whenever that changes, until
 * disposed.
 *
 * @param path `/containers/ID/resize` or `/exec/ID/resize`.
 */
export function followTerminalSize(cli: Cli, engine: EngineClient, path: string): Disposable {
  if (!cli.output.isTerminal) return { [Symbol.dispose]: () => undefined };
  const send = (): void => {
    const size = cli.output.windowSize();
    if (!size) return;
    const query = { h: size.rows, w: size.columns };
    engine.send("POST", path, { query }).catch((error: unknown) => reportResize(cli, error));
  };
  send();
  return watchResize(send);
}

function reportResize(cli: Cli, error: unknown): void {
  // A process that has just ended has no terminal to resize.
  if (error instanceof ConflictError || error instanceof NotFoundError) return;
  cli.errors.write("failed to resize tty, using default size\r\n");
}
