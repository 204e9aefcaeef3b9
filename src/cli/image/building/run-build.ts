import type { BuildClient, BuildResponse } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import { planBuild } from "#build-client/plan/plan-build.ts";
import type { BuildSettings } from "#build-client/plan/settings.ts";
import type { Cli } from "#cli/cli.ts";
import type { Environment } from "#cli/command/globals.ts";
import type { StatusResponse, VertexWarning } from "#spec/buildkit/control.ts";
import { proxiesFor, proxyArguments } from "#cli/container/create-request/environment.ts";
import { fittedBuild } from "./fitted-build.ts";
import type { BuildView } from "./progress/build-view.ts";
import { warningsText } from "./warnings.ts";

/**
 * Plans a build from what a command line or a file says.
 *
 * @param stack To be disposed of after the build.
 * @param env Where variables that are named without a value are looked up.
 */
export async function planFor(
  cli: Cli,
  settings: BuildSettings,
  stack: AsyncDisposableStack,
  env: Environment = cli.env,
): Promise<BuildRequest> {
  const engine = await cli.engine();
  return await planBuild(
    settings,
    {
      env,
      input: () => cli.input.chunks(),
      onNotice: (text) => cli.errors.write(`WARNING: ${text}\n`),
      ...(cli.output.isTerminal ? {} : { output: (bytes) => cli.output.pump(bytes) }),
      proxyArgs: proxyArguments(proxiesFor(cli, engine.endpoint.text)),
    },
    stack,
  );
}

/**
 * Builds, showing it. The view ends with the build, then the warnings are told.
 *
 * @param options.build Instead of a build that nobody looks into.
 */
export async function runBuild(
  cli: Cli,
  client: BuildClient,
  request: BuildRequest,
  view: BuildView,
  options: {
    readonly tellsWarnings: boolean;
    readonly build?: BuildClient["build"];
  },
): Promise<BuildResponse> {
  const warnings: VertexWarning[] = [];
  const onStatus = (status: StatusResponse): void => {
    warnings.push(...status.warnings);
    view.onStatus(status);
  };
  const signal = cli.interruption();
  const build = options.build ?? ((...given) => client.build(...given));
  const response = await shown(view, () =>
    fittedBuild(cli, client, request, signal, (fitted) => build(fitted, { onStatus }, signal)),
  );
  if (options.tellsWarnings) {
    const { errors, globals } = cli;
    const style = { isWhole: globals.isDebug, hasColors: errors.isTerminal };
    errors.write(warningsText(warnings, style));
  }
  return response;
}

/** Ends the view whatever becomes of the work. */
export async function shown<Result>(view: BuildView, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } finally {
    view.end();
  }
}
