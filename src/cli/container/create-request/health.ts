import { InvalidArgumentError } from "#base/errors.ts";
import { parseGoDuration } from "#base/durations.ts";
import { type Flag, boolFlag, customFlag, intFlag, stringFlag } from "#cli/flags.ts";
import type { FlagsOf, RequestFields } from "./fields.ts";

/** How the engine tells whether the container is well; durations in nanoseconds. */
export interface HealthValues {
  readonly "health-cmd": string;
  readonly "health-interval": number;
  readonly "health-retries": number;
  readonly "health-start-interval": number;
  readonly "health-start-period": number;
  readonly "health-timeout": number;
  readonly "no-healthcheck": boolean;
}

function durationFlag(help: string): Flag<number> {
  return customFlag("duration", `${help} (ms|s|m|h) (default 0s)`, "0s", 0, parseGoDuration);
}

export const healthFlags: FlagsOf<HealthValues> = {
  "health-cmd": stringFlag("Command to run to check health"),
  "health-interval": durationFlag("Time between running the check"),
  "health-retries": intFlag("Consecutive failures needed to report unhealthy"),
  "health-start-interval": {
    ...durationFlag("Time between running the check during the start period"),
    minApi: "1.44",
  },
  "health-start-period": durationFlag(
    "Start period for the container to initialize before starting health-retries countdown",
  ),
  "health-timeout": durationFlag("Maximum time to allow one check to run"),
  "no-healthcheck": boolFlag("Disable any container-specified HEALTHCHECK"),
};

const numbers = [
  ["health-interval", "Interval"],
  ["health-timeout", "Timeout"],
  ["health-retries", "Retries"],
  ["health-start-period", "StartPeriod"],
  ["health-start-interval", "StartInterval"],
] as const;

export function planHealth(values: HealthValues): RequestFields {
  const command = values["health-cmd"];
  const isSet = command !== "" || numbers.some(([flag]) => values[flag] !== 0);
  if (values["no-healthcheck"]) {
    if (isSet) {
      throw new InvalidArgumentError("--no-healthcheck conflicts with --health-* options");
    }
    return { config: { Healthcheck: { Test: ["NONE"] } } };
  }
  if (!isSet) return {};
  const check: Record<string, unknown> = command === "" ? {} : { Test: ["CMD-SHELL", command] };
  for (const [flag, field] of numbers) {
    if (values[flag] < 0) throw new InvalidArgumentError(`--${flag} cannot be negative`);
    if (values[flag] !== 0) check[field] = values[flag];
  }
  return { config: { Healthcheck: check } };
}
