import { readFileSync } from "node:fs";
import type { Cli } from "#cli/cli.ts";
import type { CommandParts } from "#cli/compose/project/surroundings.ts";
import { openBuildClient } from "#cli/image/building/open-client.ts";
import { checkBuild } from "#compose/build/check-build.ts";
import {
  type BuildTarget,
  builtBefore,
  dockerfilePath,
  isRemoteContext,
} from "#compose/build/targets.ts";
import { buildByBuildKit, checkByBuildKit } from "./by-buildkit.ts";
import { buildByClassicApi, checkByClassicApi } from "./by-classic-api.ts";
import type { ImageBuild, ImageRequest } from "./image-build.ts";

/**
 * Builds images by the engine's BuildKit; by the classic API where it has none, or `DOCKER_BUILDKIT` is 0.
 *
 * @throws {FailedPreconditionError} What cannot be built is told of before anything is, at file, line and column.
 * @throws {ExitError} A build has failed.
 */
export async function buildImages(
  cli: Cli,
  parts: CommandParts,
  request: ImageRequest,
): Promise<void> {
  const build = checked(request);
  const images = [...build.targets.values()].map(({ image }) => image);
  const report = (status: string): void => {
    for (const name of images) parts.onProgress({ kind: "Image", name, status });
  };
  if (parts.isDryRun || build.isQuiet) report("Building"); // else its steps are shown
  if (!parts.isDryRun) {
    await using client = await openBuildClient(cli);
    if (await usesBuildKit(cli, client)) await buildByBuildKit(cli, client, parts, build);
    else await buildByClassicApi(cli, parts, build);
  }
  report("Built");
}

/** Holds Dockerfiles against the build checks, without building. @returns 1 where one has findings. */
export async function checkBuilds(
  cli: Cli,
  parts: CommandParts,
  request: ImageRequest,
): Promise<number> {
  const build = checked(request);
  await using client = await openBuildClient(cli);
  if (await usesBuildKit(cli, client)) return await checkByBuildKit(cli, client, build);
  return await checkByClassicApi(cli, parts, build);
}

function checked(request: ImageRequest): ImageBuild {
  for (const target of request.targets.values()) checkBuild(request.project, target);
  return { ...request, before: builtBefore(request.targets, dockerfileText) };
}

async function usesBuildKit(
  { env }: Cli,
  client: { isThere(): Promise<boolean> },
): Promise<boolean> {
  return env["DOCKER_BUILDKIT"] !== "0" && (await client.isThere());
}

/** The Dockerfile, where it is here: for the order of builds alone, so that what cannot be read is no matter yet. */
function dockerfileText({ build }: BuildTarget): string | undefined {
  if (build.dockerfile_inline !== undefined) return build.dockerfile_inline;
  if (isRemoteContext(build.context ?? ".")) return undefined;
  try {
    return readFileSync(dockerfilePath(build), "utf8");
  } catch {
    return undefined; // the build itself says why
  }
}
