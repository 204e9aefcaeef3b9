import type { ExportRequest } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { OpenVertex } from "#builder/solver/vertices.ts";
import { ANONYMOUS } from "#registry-client/auth/credentials.ts";
import type { Digest } from "#spec/digest.ts";
import { formatImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";

/**
 * Pushes an image by each of its names.
 *
 * @returns The manifest's digest, as the registry has it.
 */
export async function pushImage(
  { images }: Pick<BuilderParts, "images">,
  image: { readonly id: Digest; readonly names: readonly string[] },
  vertex: OpenVertex,
  { credentials }: Pick<ExportRequest, "credentials">,
  signal: AbortSignal,
): Promise<Digest> {
  for (const name of image.names) {
    const reference = withDefaultTag(parseImageReference(name));
    vertex.status(`pushing ${formatImageReference(reference)}`, 0, undefined);
    await images.push(
      {
        reference,
        credentials: (await credentials?.get(reference.domain, signal)) ?? ANONYMOUS,
      },
      ({ id, progress }) => {
        if (id === undefined || progress?.currentBytes === undefined) return;
        vertex.status(`pushing layer ${id}`, progress.currentBytes, progress.totalBytes);
      },
      signal,
    );
    vertex.status(`pushing ${formatImageReference(reference)}`, 0, undefined, true);
  }
  return images.resolve(image.id).manifest.digest;
}
