import type { AttachedManifest } from "#images/images.ts";
import type { Descriptor } from "#spec/oci-image.ts";

/** An image as an archive describes it; paths are of the archive's spool. */
export interface ArchivedImage {
  readonly configPath: string;
  /** Lowest first. */
  readonly layerPaths: readonly string[];
  /** As the archive writes them: `busybox:latest`. */
  readonly names: readonly string[];
  /** Document that the image came with, byte for byte. */
  readonly manifest?: { readonly descriptor: Descriptor; readonly path: string };
  readonly index?: { readonly descriptor: Descriptor; readonly path: string };
  /** Between that and the manifest, outermost first. */
  readonly innerIndexes?: readonly { readonly descriptor: Descriptor; readonly path: string }[];
  /** Manifests of the index that are about it, with their blobs, all in the archive. */
  readonly attached?: readonly AttachedManifest[];
  /** Id of the image that this one was built on, where the archive has it too. */
  readonly parentId?: string;
}
