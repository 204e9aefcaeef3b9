import type { BuildClient } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import { fitToEngine, isDemanding } from "#build-client/plan/fit-engine.ts";
import type { Cli } from "#cli/cli.ts";
import { pushImage } from "#cli/image/pushing/push-image.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";

/**
 * Builds in the way that the engine can, and sees that what is to be pushed is.
 *
 * @throws {UnsupportedError} The engine cannot make what is asked. What `build` throws.
 */
export async function fittedBuild<Result>(
  cli: Cli,
  client: BuildClient,
  request: BuildRequest,
  signal: AbortSignal,
  build: (fitted: BuildRequest) => Promise<Result>,
): Promise<Result> {
  if (!isDemanding(request)) return await build(request);
  const fitted = fitToEngine(request, await client.workers(signal));
  const result = await build(fitted.request);
  const engine = await cli.engine();
  const registryHeaders = (domain: string): ReturnType<typeof registryAuthHeaders> =>
    registryAuthHeaders(cli, domain);
  for (const name of fitted.pushed) await pushImage(name, { engine, registryHeaders });
  return result;
}
