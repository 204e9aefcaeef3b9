import type { ContainerInspectResponse } from "@docker/node-sdk";
import { NotFoundError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { containerPath } from "#cli/container/each-container.ts";

/** A stop as it was asked for, and how long it took. */
export interface TimedStop {
  /** Undefined: as the container says. */
  readonly timeoutSeconds: number | undefined;
  /** Undefined: as the container says. */
  readonly signal: string | undefined;
  readonly tookMs: number;
}

const DEFAULT_GRACE_SECONDS = 10;
/** 128 and SIGKILL. */
const KILLED = 137;

/**
 * What to say about a stop that ended in SIGKILL: which program ignored which signal.
 *
 * @param container As the engine shows it after the stop.
 * @returns Undefined when the program ended by itself, or nobody gave it time to.
 */
export function ignoredSignal(
  container: ContainerInspectResponse,
  { timeoutSeconds, signal, tookMs }: TimedStop,
): string | undefined {
  const graceSeconds = timeoutSeconds ?? container.Config?.StopTimeout ?? DEFAULT_GRACE_SECONDS;
  const wasKilled = container.State?.ExitCode === KILLED && !container.State.OOMKilled;
  if (graceSeconds <= 0 || !wasKilled || tookMs < graceSeconds * 1000) return undefined;
  const name = (container.Name ?? "").replace(/^\//, "");
  const sent = withPrefix(signal ?? (container.Config?.StopSignal || "SIGTERM"));
  const seconds = `${graceSeconds} second${graceSeconds === 1 ? "" : "s"}`;
  return (
    `${name}: "${container.Path ?? ""}" did not end on ${sent} and was killed after ${seconds}; ` +
    "run it with --init, or name a signal that it obeys: --stop-signal"
  );
}

function withPrefix(signal: string): string {
  return /^(?:SIG|[0-9])/i.test(signal) ? signal.toUpperCase() : `SIG${signal.toUpperCase()}`;
}

/** Says on stderr that a stop took the whole grace period. Costs a request only where it may have. */
export async function warnOfIgnoredSignal(cli: Cli, name: string, stop: TimedStop): Promise<void> {
  if (stop.tookMs < Math.max(stop.timeoutSeconds ?? 0, 1) * 1000) return;
  const engine = await cli.engine();
  let container: ContainerInspectResponse;
  try {
    container = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
  } catch (error) {
    if (error instanceof NotFoundError) return; // --rm
    throw error;
  }
  const text = ignoredSignal(container, stop);
  if (text !== undefined) cli.errors.write(`WARNING: ${text}\n`);
}
