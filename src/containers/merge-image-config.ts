import type { ContainerConfig, HealthConfig } from "#spec/engine-api/container-config.ts";
import type { ImageExecutionConfig, ImageHealthcheck } from "#spec/oci-image.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/**
 * What the request says, and where it says nothing what the image says (moby `runconfig.Merge`).
 *
 * @throws {InvalidArgumentError} `no command specified`
 */
export function mergeImageConfig(
  config: ContainerConfig,
  image: ImageExecutionConfig,
): ContainerConfig {
  const command = mergeCommand(config, image);
  const healthcheck = mergeHealthcheck(config.Healthcheck, image.healthcheck);
  const stopSignal = config.StopSignal ?? image.stopSignal;
  const stopTimeout = config.StopTimeout ?? image.stopTimeoutSeconds;
  return {
    ...config,
    ...command,
    User: config.User || image.user,
    ExposedPorts: { ...keys(image.exposedPorts), ...config.ExposedPorts },
    Env: mergeEnvironment(config.Env, image.env),
    Volumes: { ...keys(image.volumes), ...config.Volumes },
    WorkingDir: config.WorkingDir || image.workingDir,
    Labels: { ...image.labels, ...config.Labels },
    ...(healthcheck && { Healthcheck: healthcheck }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
  };
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name): [string, object] => [name, {}]));
}

function mergeCommand(
  config: ContainerConfig,
  image: ImageExecutionConfig,
): Pick<ContainerConfig, "Entrypoint" | "Cmd"> {
  const isReset = config.Entrypoint?.length === 1 && config.Entrypoint[0] === "";
  const hasOwn = (config.Entrypoint?.length ?? 0) > 0;
  // another entry point makes nothing of the image's arguments
  const cmd = hasOwn || (config.Cmd?.length ?? 0) > 0 ? config.Cmd : (image.cmd ?? config.Cmd);
  const entrypoint = isReset ? null : (config.Entrypoint ?? image.entrypoint ?? null);
  if ((entrypoint?.length ?? 0) === 0 && (cmd?.length ?? 0) === 0) {
    throw new InvalidArgumentError("no command specified");
  }
  return { Entrypoint: entrypoint, Cmd: cmd };
}

function nameOf(variable: string): string {
  const equals = variable.indexOf("=");
  return equals < 0 ? variable : variable.slice(0, equals);
}

function mergeEnvironment(own: readonly string[], image: readonly string[]): readonly string[] {
  const names = new Set(own.map(nameOf));
  return [...own, ...image.filter((variable) => !names.has(nameOf(variable)))];
}

function mergeHealthcheck(
  own: HealthConfig | undefined,
  image: ImageHealthcheck | undefined,
): HealthConfig | undefined {
  if (!image) return own;
  return {
    Test: own && own.Test.length > 0 ? own.Test : image.test,
    Interval: own?.Interval || image.intervalNanoseconds,
    Timeout: own?.Timeout || image.timeoutNanoseconds,
    StartPeriod: own?.StartPeriod || image.startPeriodNanoseconds,
    StartInterval: own?.StartInterval || image.startIntervalNanoseconds,
    Retries: own?.Retries || image.retries,
  };
}

/** The words that are run, first the program. */
export function commandOf(config: Pick<ContainerConfig, "Entrypoint" | "Cmd">): {
  readonly path: string;
  readonly args: readonly string[];
} {
  const [path = "", ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  return { path, args };
}
