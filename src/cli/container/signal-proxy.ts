import { ConflictError, NotFoundError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { forwardSignals } from "#cli/terminal/signals.ts";
import { containerPath } from "./each-container.ts";

/** Sends the signals that reach us to the container's process, until disposed. */
export function proxySignals(cli: Cli, id: string): Disposable {
  return forwardSignals((name) => {
    sendSignal(cli, id, name.replace(/^SIG/, "")).catch((error: unknown) => {
      // Ended already, or not started yet: nobody is there to receive it.
      if (error instanceof ConflictError || error instanceof NotFoundError) return;
      cli.errors.write(`Error sending signal: ${messageOf(error)}\n`);
    });
  });
}

async function sendSignal(cli: Cli, id: string, signal: string): Promise<void> {
  const engine = await cli.engine();
  await engine.send("POST", containerPath(id, "/kill"), { query: { signal } });
}
