import { type ChainId, chainIdsOf, type Digest, type DiffId } from "#spec/digest.ts";

/** All in bytes, of unpacked layers. */
export interface ImageSizes {
  /** Every layer once. */
  readonly layersBytes: number;
  /** Of each image, what its layers take that another image has too. */
  readonly sharedBytes: ReadonlyMap<Digest, number>;
}

/** @param layerBytes Size of one layer's own files. */
export function measureImages(
  images: readonly { readonly id: Digest; readonly diffIds: readonly DiffId[] }[],
  layerBytes: (chainId: ChainId) => number,
): ImageSizes {
  const chainsOf = new Map(images.map(({ id, diffIds }) => [id, chainIdsOf(diffIds)]));
  const layers = new Map<ChainId, { readonly bytes: number; users: number }>();
  for (const chainId of [...chainsOf.values()].flat()) {
    const layer = layers.get(chainId) ?? { bytes: layerBytes(chainId), users: 0 };
    layer.users++;
    layers.set(chainId, layer);
  }
  const sharedOf = (chainIds: readonly ChainId[]): number =>
    chainIds.reduce((sum, chainId) => {
      const layer = layers.get(chainId);
      return sum + (layer && layer.users > 1 ? layer.bytes : 0);
    }, 0);
  return {
    layersBytes: [...layers.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    sharedBytes: new Map([...chainsOf].map(([id, chainIds]) => [id, sharedOf(chainIds)])),
  };
}
