import { InvalidArgumentError } from "#base/errors.ts";
import type { ContainerConfig, HealthConfig } from "#spec/engine-api/container-config.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";
import { parseHttpTarget, parseTcpTarget } from "#spec/engine-api/health-target.ts";
import { healthCheckOf } from "./check.ts";

/**
 * What Docker's API has no field for travels as labels: every client, Compose file and image hands these on
 * unchanged, and `inspect` shows them.
 */
export const HEALTH_LABELS = {
  http: "wharf.health.http",
  tcp: "wharf.health.tcp",
  onFailure: "wharf.health.on-failure",
} as const;

const ACTIONS = ["none", "restart", "stop", "kill"] as const;

/** What the engine does when a container has become unhealthy. */
export type HealthFailureAction = (typeof ACTIONS)[number];

const UNSET: Omit<HealthConfig, "Test"> = {
  Interval: 0,
  Timeout: 0,
  StartPeriod: 0,
  StartInterval: 0,
  Retries: 0,
};

/**
 * A check by label stands in for the image's; one in the request itself comes first.
 *
 * @param requested The `Healthcheck` of the request.
 * @param merged The configuration, request and image together.
 * @throws {InvalidArgumentError} A label that cannot be read.
 */
export function applyHealthLabels(
  requested: HealthConfig | undefined,
  merged: ContainerConfig,
): ContainerConfig {
  const http = merged.Labels[HEALTH_LABELS.http];
  const tcp = merged.Labels[HEALTH_LABELS.tcp];
  if ((requested?.Test.length ?? 0) > 0 || (http === undefined && tcp === undefined)) return merged;
  if (http !== undefined && tcp !== undefined) {
    throw new InvalidArgumentError(
      `conflicting options: labels ${HEALTH_LABELS.http} and ${HEALTH_LABELS.tcp}`,
    );
  }
  if (http !== undefined) parseHttpTarget(http);
  if (tcp !== undefined) parseTcpTarget(tcp);
  const Test = http === undefined ? ["TCP", tcp ?? ""] : ["HTTP", http];
  return { ...merged, Healthcheck: { ...UNSET, ...merged.Healthcheck, Test } };
}

export function failureActionOf(config: Pick<ContainerConfig, "Labels">): HealthFailureAction {
  return ACTIONS.find((action) => action === config.Labels[HEALTH_LABELS.onFailure]) ?? "none";
}

/**
 * @throws {InvalidArgumentError} A check of the image's that cannot be read; an action that is none, or that
 *   could never be taken.
 */
export function checkHealth(
  config: ContainerConfig,
  hostConfig: Pick<HostConfig, "AutoRemove">,
): void {
  const check = healthCheckOf(config);
  const text = config.Labels[HEALTH_LABELS.onFailure];
  if (text === undefined) return;
  const action = ACTIONS.find((word) => word === text);
  if (action === undefined) {
    throw new InvalidArgumentError(
      `invalid health-on-failure ${JSON.stringify(text)}: want none, restart, stop or kill`,
    );
  }
  if (action === "none") return;
  if (action === "restart" && hostConfig.AutoRemove) {
    throw new InvalidArgumentError(
      "conflicting options: cannot specify both --health-on-failure=restart and --rm",
    );
  }
  if (!check) {
    throw new InvalidArgumentError(
      `conflicting options: health-on-failure=${action} needs a health check, and the container has none`,
    );
  }
}
