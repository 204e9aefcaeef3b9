import type { ContainerConfig, HealthConfig } from "#spec/engine-api/container-config.ts";
import {
  type HttpTarget,
  parseHttpTarget,
  parseTcpTarget,
  type TcpTarget,
} from "#spec/engine-api/health-target.ts";

/** What is done to learn whether a container is well. */
export type HealthProbe =
  | { readonly kind: "command"; readonly command: readonly string[] }
  | { readonly kind: "http"; readonly target: HttpTarget }
  | { readonly kind: "tcp"; readonly target: TcpTarget };

/** A container's health check with every default filled in. */
export interface HealthCheck {
  readonly probe: HealthProbe;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make it unhealthy. */
  readonly retries: number;
  /** How long after the start failures do not count, as long as there was no success. */
  readonly startPeriodMs: number;
  /** Time between checks in the start period. */
  readonly startIntervalMs: number;
}

/** Docker's defaults. */
const DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
} as const;
const NANOS_PER_MS = 1_000_000;
const DEFAULT_SHELL = ["/bin/sh", "-c"];

/** @returns Undefined for a container without a check, or with `NONE`. */
export function healthCheckOf(
  config: Pick<ContainerConfig, "Healthcheck" | "Shell">,
): HealthCheck | undefined {
  const health = config.Healthcheck;
  const probe = health && probeOf(health, config.Shell ?? DEFAULT_SHELL);
  if (!health || !probe) return undefined;
  const milliseconds = (nanoseconds: number, fallback: number): number =>
    nanoseconds > 0 ? nanoseconds / NANOS_PER_MS : fallback;
  return {
    probe,
    intervalMs: milliseconds(health.Interval, DEFAULTS.intervalMs),
    timeoutMs: milliseconds(health.Timeout, DEFAULTS.timeoutMs),
    retries: health.Retries > 0 ? health.Retries : DEFAULTS.retries,
    startPeriodMs: milliseconds(health.StartPeriod, DEFAULTS.startPeriodMs),
    startIntervalMs: milliseconds(health.StartInterval, DEFAULTS.startIntervalMs),
  };
}

/** Create has refused what is malformed; what an image brings of another kind is no check, as in Docker. */
function probeOf(health: HealthConfig, shell: readonly string[]): HealthProbe | undefined {
  const [kind, ...words] = health.Test;
  if (words.length === 0) return undefined;
  switch (kind) {
    case "CMD":
      return { kind: "command", command: words };
    case "CMD-SHELL":
      return { kind: "command", command: [...shell, ...words] };
    case "HTTP":
      return { kind: "http", target: parseHttpTarget(words[0] ?? "") };
    case "TCP":
      return { kind: "tcp", target: parseTcpTarget(words[0] ?? "") };
    default:
      return undefined;
  }
}
