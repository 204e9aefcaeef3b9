import { InvalidArgumentError } from "#base/errors.ts";
import { parseGoDuration } from "#base/durations.ts";
import { parseHttpTarget, parseTcpTarget } from "#spec/engine-api/health-target.ts";
import { type Flag, boolFlag, customFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import type { FlagsOf, RequestFields } from "./fields.ts";

/** How the engine tells whether the container is well; durations in nanoseconds. */
export interface HealthValues {
  readonly "health-cmd": string;
  readonly "health-http": string;
  readonly "health-interval": number;
  readonly "health-on-failure": string;
  readonly "health-retries": number;
  readonly "health-start-interval": number;
  readonly "health-start-period": number;
  readonly "health-tcp": string;
  readonly "health-timeout": number;
  readonly "no-healthcheck": boolean;
}

function durationFlag(help: string): Flag<number> {
  return customFlag("duration", `${help} (ms|s|m|h) (default 0s)`, "0s", 0, parseGoDuration);
}

export const healthFlags: FlagsOf<HealthValues> = {
  "health-cmd": stringFlag("Command to run to check health"),
  "health-http": stringFlag(
    "Have the engine check health by HTTP inside the container's network ([http://][HOST]:PORT[/PATH])",
  ),
  "health-interval": durationFlag("Time between running the check"),
  "health-on-failure": stringFlag(
    'What to do when the container becomes unhealthy ("none", "restart", "stop", "kill")',
    { complete: ["none", "restart", "stop", "kill"] },
  ),
  "health-retries": intFlag("Consecutive failures needed to report unhealthy"),
  "health-start-interval": {
    ...durationFlag("Time between running the check during the start period"),
    minApi: "1.44",
  },
  "health-start-period": durationFlag(
    "Start period for the container to initialize before starting health-retries countdown",
  ),
  "health-tcp": stringFlag(
    "Have the engine check health by connecting to a port inside the container's network ([HOST:]PORT)",
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

/** What is checked, in the words of `Healthcheck.Test`; undefined leaves it to the image. */
function planTest(values: HealthValues): readonly string[] | undefined {
  const tests = [
    ["health-cmd", "CMD-SHELL"],
    ["health-http", "HTTP"],
    ["health-tcp", "TCP"],
  ] as const;
  const given = tests.filter(([flag]) => values[flag] !== "");
  if (given.length > 1) {
    const flags = given.map(([flag]) => `--${flag}`).join(" and ");
    throw new InvalidArgumentError(`conflicting options: cannot specify both ${flags}`);
  }
  const [test] = given;
  if (!test) return undefined;
  const [flag, kind] = test;
  if (kind === "HTTP") parseHttpTarget(values[flag]);
  if (kind === "TCP") parseTcpTarget(values[flag]);
  return [kind, values[flag]];
}

/** What the API has no field for is a label, which the engine reads. */
export function healthLabels(values: HealthValues): readonly string[] {
  const action = values["health-on-failure"];
  if (action === "") return [];
  if (!["none", "restart", "stop", "kill"].includes(action)) {
    throw new InvalidArgumentError(
      `invalid argument ${JSON.stringify(action)} for "--health-on-failure" flag: want none, restart, stop or kill`,
    );
  }
  return [`wharf.health.on-failure=${action}`];
}

export function planHealth(values: HealthValues): RequestFields {
  const test = planTest(values);
  const isSet = test !== undefined || numbers.some(([flag]) => values[flag] !== 0);
  if (values["no-healthcheck"]) {
    if (isSet) {
      throw new InvalidArgumentError("--no-healthcheck conflicts with --health-* options");
    }
    return { config: { Healthcheck: { Test: ["NONE"] } } };
  }
  if (!isSet) return {};
  const check: Record<string, unknown> = test === undefined ? {} : { Test: test };
  for (const [flag, field] of numbers) {
    if (values[flag] < 0) throw new InvalidArgumentError(`--${flag} cannot be negative`);
    if (values[flag] !== 0) check[field] = values[flag];
  }
  return { config: { Healthcheck: check } };
}
