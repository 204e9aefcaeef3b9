import type { ChainId, DiffId } from "#spec/digest.ts";
import type { Descriptor } from "#spec/oci-image.ts";

/** A layer of a build: a committed snapshot under its chain id. */
export interface BuiltLayer {
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  /** Of its files. */
  readonly sizeBytes: number;
  /** Its tar in the content store; absent while nobody needed it. */
  readonly blob?: Descriptor;
  /** When the step that made it ended; absent for those of a base image. */
  readonly createdMs?: number;
}

/** What the last of the layers is called; undefined for no layer. */
export function topOf(layers: readonly BuiltLayer[]): ChainId | undefined {
  return layers.at(-1)?.chainId;
}
