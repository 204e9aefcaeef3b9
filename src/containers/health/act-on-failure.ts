import { NotModifiedError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { endRun, killRun, type StopParts, stopContainer } from "#containers/stop.ts";
import { failureActionOf, type HealthFailureAction } from "./labels.ts";

export type FailureParts = StopParts & Pick<ContainerParts, "warn">;

const BY_ENGINE = { isByEngine: true } as const;

/**
 * What `--health-on-failure` asks for:
 *
 * - `kill` ends it as a crash would: its restart policy decides what follows;
 * - `stop` ends it as the user would: no policy brings it back;
 * - `restart` stops it with its own signal and grace and starts it again, whatever its policy, after the
 *   wait that a restart policy would make, and counts in `RestartCount`.
 */
export async function actOnFailure(parts: FailureParts, record: ContainerRecord): Promise<void> {
  const action = failureActionOf(record.config);
  const live = parts.lives.of(record.id);
  if (action === "none" || live.isFailureHandled) return;
  live.isFailureHandled = true;
  parts.warn(`Container ${record.name} is unhealthy: ${action}`);
  try {
    await act(parts, record, action);
  } catch (error) {
    // the user, or its own end, was faster
    if (!(error instanceof NotModifiedError)) throw error;
  } finally {
    live.isFailureHandled = false;
  }
}

async function act(
  parts: FailureParts,
  { id }: ContainerRecord,
  action: Exclude<HealthFailureAction, "none">,
): Promise<void> {
  const live = parts.lives.of(id);
  switch (action) {
    case "stop":
      await stopContainer(parts, id, {});
      return;
    case "kill":
      if (live.process) await killRun(parts, id, live.process, BY_ENGINE);
      return;
    case "restart":
      live.restartsForHealth = true;
      try {
        await endRun(parts, id, id, BY_ENGINE);
      } finally {
        live.restartsForHealth = false;
      }
      return;
  }
}
