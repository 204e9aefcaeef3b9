import { InvalidArgumentError } from "#base/errors.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { topOf } from "#builder/solver/built-layer.ts";
import { MountedChains } from "#builder/solver/origins.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { Vertices } from "#builder/solver/vertices.ts";

/**
 * Gives the files of the result away: `tar` as an archive, `local` as a folder that the caller reads while it is mounted.
 *
 * @throws {InvalidArgumentError} Several platforms.
 */
export async function exportTree(
  parts: Pick<BuilderParts, "clock" | "packTree" | "snapshots"> & { readonly layers: StepLayers },
  images: readonly SolvedImage[],
  request: ExportRequest,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const [image, ...others] = images;
  if (!image || others.length > 0) {
    throw new InvalidArgumentError(
      `Cannot export several platforms by ${request.type}: build for one`,
    );
  }
  const vertices = new Vertices(parts.clock, request.onEvent);
  const name =
    request.type === "tar" ? "exporting to client tarball" : "exporting to client directory";
  await vertices.run(name, [], async () => {
    await using chains = new MountedChains(parts, parts.layers);
    const { path } = await chains.open(topOf(image.layers));
    if (request.type === "tar") await request.output?.(parts.packTree(path, signal));
    else await request.tree?.(path);
  });
  return {};
}
