import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import { connectSocket } from "#client/connect-socket.ts";
import { EngineUnreachableError } from "#client/error-response.ts";
import type { Cli } from "#cli/cli.ts";
import { ownCommand } from "#cli/command/own-command.ts";

/** How long the engine may take until it answers. */
const startTimeoutMs = 20_000;
const pollMs = 25;

/** How the engine is started; tests put their own here. */
export interface StartSettings {
  /** The command without `daemon` and its flags. */
  readonly command: readonly string[];
  readonly logPath: string;
  /** Root's rights, which the engine needs. */
  readonly isRoot: boolean;
}

function ownSettings(): StartSettings {
  return { command: ownCommand(), logPath: "/var/log/wharf.log", isRoot: process.getuid?.() === 0 };
}

/**
 * Starts Wharf's own engine, when nothing named another one, none runs, and we may. Says so on
 * stderr. Returns when it listens.
 *
 * @param socketPath Where it will listen.
 * @param failure Why the connection failed: thrown again when the engine is not ours to start.
 */
export async function startEngine(
  cli: Cli,
  socketPath: string,
  failure: unknown,
  settings: StartSettings = ownSettings(),
): Promise<void> {
  const isAbsent =
    failure instanceof EngineUnreachableError && ["missing", "refused"].includes(failure.reason);
  if (!isAbsent || cli.env["WHARF_AUTOSTART"] === "0" || !settings.isRoot) throw failure;
  const { command, logPath } = settings;
  cli.errors.write(
    `Starting the engine: wharf daemon (log: ${logPath}; WHARF_AUTOSTART=0 prevents this)\n`,
  );
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, "a", 0o640);
  const child = Bun.spawn([...command, "daemon", "--host", `unix://${socketPath}`], {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    detached: true, // a session of its own: our terminal's signals are not for the engine
    cwd: "/",
  });
  closeSync(log);
  child.unref();
  const deadline = cli.now().getTime() + startTimeoutMs;
  while (child.exitCode === null && child.signalCode === null && cli.now().getTime() < deadline) {
    if (await answers(socketPath)) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const what =
    child.exitCode === null ? "it does not answer" : `it ended with exit code ${child.exitCode}`;
  throw new FailedPreconditionError(`Cannot start the engine: ${what}; see ${logPath}`, {
    cause: failure,
  });
}

async function answers(socketPath: string): Promise<boolean> {
  try {
    const connection = await connectSocket({ unix: socketPath });
    connection.close();
    return true;
  } catch {
    return false; // not listening yet
  }
}
