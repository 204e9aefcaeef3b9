import type { ChainId, DiffId } from "#spec/digest.ts";
import type { Descriptor, ImageConfig } from "#spec/oci-image.ts";

/** A result as it is given away. */
export interface ExportedImage {
  readonly config: ImageConfig;
  readonly layers: readonly {
    readonly diffId: DiffId;
    readonly blob: Descriptor;
    /** Absent where it is not the layer that was built: its files have other times, or it stands for several. */
    readonly chainId?: ChainId;
  }[];
}
