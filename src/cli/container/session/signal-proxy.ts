import { ConflictError, NotFoundError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { forwardSignals } from "#cli/terminal/signals.ts";
import { containerPath } from "#cli/container/each-container.ts";

/** After so many requests to end, we end without the container. */
const patientRequests = 3;

/** Sends the signals that reach us to the container's process, until disposed. */
export function proxySignals(cli: Cli, id: string): Disposable {
  let requests = 0;
  return forwardSignals((name) => {
    if (name === "SIGINT" || name === "SIGTERM") requests += 1;
    if (requests >= patientRequests) {
      cli.errors.write(`got ${patientRequests} SIGTERM/SIGINTs, forcefully exiting\n`);
      process.exit(1);
    }
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
