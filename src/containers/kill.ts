import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { parseSignal } from "#spec/engine-api/signals.ts";
import type { ContainerRecord } from "./container.ts";
import { signalProcess } from "./signal-process.ts";
import { cancelRestart, holdBackRestart, killRun, type StopParts } from "./stop.ts";
import { assertAllowed } from "./transitions.ts";

const SIGKILL = 9;

/**
 * Signals that make a program read its configuration or print something. They do not mean that the user
 * is done with the container: its restart policy stays in force.
 */
const MESSAGES: ReadonlySet<number> = new Set(
  ["HUP", "USR1", "USR2", "WINCH", "CONT", "STOP", "TSTP", "CHLD", "URG", "ALRM"].map(parseSignal),
);

/** SIGKILL is waited for; other signals are only sent. */
export async function killContainer(
  parts: StopParts,
  reference: string,
  signalText: string,
): Promise<void> {
  const { id } = resolveToKill(parts, reference);
  const signal = parseKillSignal(reference, signalText);
  const live = parts.lives.of(id);
  const process = await live.lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed("kill", record, reference);
    if (record.state.status === "restarting") {
      cancelRestart(parts, live, holdBackRestart(parts, record));
      return undefined;
    }
    const isMessage =
      MESSAGES.has(signal) && signal !== parseSignal(record.config.StopSignal ?? "SIGTERM");
    const held = isMessage ? record : holdBackRestart(parts, record);
    if (signal === SIGKILL) return live.process;
    await signalProcess(parts, held, signal);
    return undefined;
  });
  if (process) await killRun(parts, id, process);
}

function resolveToKill(parts: Pick<StopParts, "registry">, reference: string): ContainerRecord {
  try {
    return parts.registry.resolve(reference);
  } catch (cause) {
    if (!(cause instanceof NotFoundError)) throw cause;
    throw new NotFoundError(`cannot kill container: ${reference}: ${cause.message}`, { cause });
  }
}

function parseKillSignal(reference: string, text: string): number {
  try {
    return parseSignal(text || "SIGKILL");
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    if (/^[1-9][0-9]*$/.test(text)) {
      throw new InvalidArgumentError(
        `cannot kill container: ${reference}: the linux daemon does not support signal ${text}`,
        { cause },
      );
    }
    throw new InvalidArgumentError(`cannot kill container: ${reference}: ${cause.message}`, {
      cause,
    });
  }
}
