import type { ExportRequest } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { OpenVertex } from "#builder/solver/vertices.ts";
import { ANONYMOUS } from "#registry-client/auth/credentials.ts";
import type { Digest } from "#spec/digest.ts";
import { formatImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";

/** Pushes an image, as its documents are, by each of its names, or without a tag into their repositories. */
export async function pushImage(
  { images }: Pick<BuilderParts, "images">,
  image: {
    readonly id: Digest;
    readonly names: readonly string[];
    readonly isPushedByDigest: boolean;
  },
  vertex: OpenVertex,
  { credentials }: Pick<ExportRequest, "credentials">,
  signal: AbortSignal,
): Promise<void> {
  for (const name of image.names) {
    const reference = withDefaultTag(parseImageReference(name));
    const { tag: _, ...untagged } = reference;
    const target = image.isPushedByDigest ? untagged : reference;
    const text = `pushing ${formatImageReference(target)}`;
    vertex.status(text, 0, undefined);
    await images.push(
      {
        reference,
        image: { id: image.id, isByDigest: image.isPushedByDigest },
        credentials: (await credentials?.get(reference.domain, signal)) ?? ANONYMOUS,
      },
      ({ id, progress }) => {
        if (id === undefined || progress?.currentBytes === undefined) return;
        vertex.status(`pushing layer ${id}`, progress.currentBytes, progress.totalBytes);
      },
      signal,
    );
    vertex.status(text, 0, undefined, true);
  }
}
