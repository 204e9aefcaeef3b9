import type { Service } from "#compose/model/project.ts";

const NANOS_PER_SECOND = 1e9;

/** How long a container has to end; undefined where nobody says: the engine's own. */
export function graceSeconds(
  service: Service | undefined,
  askedSeconds: number | undefined,
): number | undefined {
  if (askedSeconds !== undefined) return askedSeconds;
  const grace = service?.stop_grace_period;
  return grace === undefined ? undefined : Math.ceil(grace / NANOS_PER_SECOND);
}
