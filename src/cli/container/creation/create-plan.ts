import { InvalidArgumentError, UnsupportedError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { Invocation } from "#cli/command/command.ts";
import { ExitError, exitCannotStart } from "#cli/command/exit-error.ts";
import type { Endpoint } from "#client/endpoint.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { clientSurroundings } from "./client-surroundings.ts";
import type { CreateValues } from "./create-flags.ts";
import { type CreatePlan, planCreate } from "#cli/container/create-request/plan.ts";
import { proxiesFor } from "#cli/container/create-request/environment.ts";
import { storageWarnings } from "#cli/container/create-request/storage.ts";

/**
 * Plans the request of `run` or `create` from the command line and the configuration file.
 *
 * @throws {ExitError} With exit code 125 and a pointer to the help.
 */
export async function planFromCommandLine(
  cli: Cli,
  invocation: Invocation<CreateValues>,
  isDetached: boolean,
): Promise<CreatePlan> {
  const { flags, args, isSet, commandLine } = invocation;
  const engine = await cli.engine();
  const { endpoint } = engine;
  await checkWindowsFlags(engine, isSet);
  const [image = "", ...command] = args;
  const proxies = proxiesFor(cli, endpoint.text);
  try {
    checkPull(flags.pull);
    const around = clientSurroundings(cli, isSet);
    const values = flags["use-api-socket"] ? withApiSocket(cli, flags, endpoint) : flags;
    for (const line of storageWarnings(flags)) cli.errors.write(`${line}\n`);
    return planCreate({ values, image, command, proxies, isDetached }, around);
  } catch (error) {
    throw withHelpPointer(commandLine, error, exitCannotStart);
  }
}

const windowsFlags: readonly string[] = [
  "cpu-count",
  "cpu-percent",
  "io-maxbandwidth",
  "io-maxiops",
];

/** @throws {UnsupportedError} In docker's words, when the engine runs on another system. */
async function checkWindowsFlags(
  engine: EngineClient,
  isSet: (flag: string) => boolean,
): Promise<void> {
  const given = windowsFlags.filter(isSet);
  if (given.length === 0) return;
  const { osType = "linux" } = await engine.ping();
  if (osType === "windows") return;
  const lines = given.map(
    (flag) =>
      `"--${flag}" is only supported on a Docker daemon running on windows, but the Docker daemon is running on ${osType}`,
  );
  throw new UnsupportedError(lines.join("\n"));
}

/** Docker's frame around a failure of `run` and `create` that the command line may explain. */
export function withHelpPointer(commandLine: string, error: unknown, exitCode: number): ExitError {
  const text = `wharf: ${messageOf(error)}\n\nRun '${commandLine} --help' for more information`;
  return new ExitError(text, exitCode, { cause: error });
}

function checkPull(policy: string): void {
  if (["always", "missing", "never", ""].includes(policy)) return;
  throw new InvalidArgumentError(
    `invalid pull option: '${policy}': must be one of "always", "missing" or "never"`,
  );
}

const socketInContainer = "/var/run/docker.sock";

/** Gives the container the engine's socket. Logins of the configuration file cannot be handed over. */
function withApiSocket(cli: Cli, values: CreateValues, endpoint: Endpoint): CreateValues {
  if (endpoint.kind !== "unix") {
    throw new UnsupportedError(
      `Cannot use --use-api-socket with ${endpoint.text}: the engine must be reached by a unix socket of its own host`,
    );
  }
  const hasLogins = ["auths", "credsStore", "credHelpers"].some((key) => {
    const value = cli.config.raw[key];
    return typeof value === "string" ? value !== "" : Object.keys(value ?? {}).length > 0;
  });
  const hasOwnConfig = values.env.some((variable) => variable.startsWith("DOCKER_CONFIG="));
  if (hasLogins && !hasOwnConfig) {
    throw new UnsupportedError(
      "Cannot use --use-api-socket: this version does not hand the logins of the configuration file to a container; -e DOCKER_CONFIG=PATH says that it has its own",
    );
  }
  const mount = {
    Type: "bind",
    Source: endpoint.path,
    Target: socketInContainer,
    BindOptions: {},
  } as const;
  return { ...values, mount: [...values.mount, mount] };
}
