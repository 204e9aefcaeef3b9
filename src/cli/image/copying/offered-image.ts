import { NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Digest } from "#spec/digest.ts";
import type { ImageOffer } from "#spec/engine-api/image-transfer.ts";
import { parseManifest } from "#spec/oci-image.ts";
import type { CopySource } from "./source.ts";

/**
 * An image of another Wharf, which hands out its blobs one by one, from any byte on.
 *
 * @throws {NotFoundError} No such image there.
 */
export async function openOfferedImage(
  engine: EngineClient,
  name: string,
  signal: AbortSignal,
): Promise<CopySource> {
  const offer = await engine.getJson<ImageOffer & { readonly Id: Digest }>(
    `/wharf/images/${encodeURIComponent(name)}/offer`,
    { signal },
  );
  const { Id, Manifest } = offer;
  const manifest = parseManifest(Buffer.from(Manifest.Document, "base64"), Manifest.MediaType);
  return {
    id: Id,
    offer,
    manifest,
    open: async (digest, offset, inner) => {
      const answer = await engine.request("GET", `/wharf/images/${encodeURIComponent(Id)}/blob`, {
        query: { digest },
        headers: offset > 0 ? { Range: `bytes=${offset}-` } : {},
        signal: inner,
      });
      const length = Number(answer.header("content-length"));
      if (!Number.isSafeInteger(length)) throw new NotFoundError(`blob ${digest} has no length`);
      return { sizeBytes: offset + length, stream: answer.body() };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
