import type { LayerPacking } from "./protocol.ts";

/** Tells how a blob is packed from its first bytes (four suffice); anything unknown counts as plain. */
export function detectPacking(head: Uint8Array): LayerPacking {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  const isZstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  return isZstd ? "zstd" : "none";
}
