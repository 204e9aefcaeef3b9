import type { Digest } from "#spec/digest.ts";
import type { ImageOffer } from "#spec/engine-api/image-transfer.ts";
import type { Manifest } from "#spec/oci-image.ts";

/** A blob from the wanted byte on. */
export interface SourceBlob {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly stream: AsyncIterable<Uint8Array>;
}

/** An image on the engine that it is copied from. Dispose of it: it may keep files meanwhile. */
export interface CopySource extends AsyncDisposable {
  readonly id: Digest;
  readonly offer: ImageOffer;
  readonly manifest: Manifest;
  open(digest: Digest, offset: number, signal: AbortSignal): Promise<SourceBlob>;
}

/** Whether the engine has endpoints of our own. */
export function isWharf({ product }: { readonly product: string | undefined }): boolean {
  return product?.startsWith("Wharf/") ?? false;
}
