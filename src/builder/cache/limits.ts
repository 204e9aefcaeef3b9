/** How much of the cache may stay; of several the narrowest counts, though never below what is reserved. */
export interface CacheLimits {
  /** So much stays in any case. */
  readonly reservedBytes?: number;
  readonly maxUsedBytes?: number;
  /** So much of the disk is to be free. */
  readonly minFreeBytes?: number;
}

/**
 * Bytes that may stay, as BuildKit reckons them.
 *
 * @returns Undefined where there is no limit: all goes that may.
 */
export function keptBytes(
  { reservedBytes = 0, maxUsedBytes = 0, minFreeBytes = 0 }: CacheLimits,
  disk: { readonly usedBytes: number; readonly freeBytes: number },
): number | undefined {
  if (reservedBytes <= 0 && maxUsedBytes <= 0 && minFreeBytes <= 0) return undefined;
  const most = maxUsedBytes > 0 ? maxUsedBytes : reservedBytes > 0 ? 0 : Infinity;
  const missing = Math.max(0, minFreeBytes - disk.freeBytes);
  const bound = missing > 0 ? Math.min(most || Infinity, disk.usedBytes - missing) : most;
  return Math.max(bound, reservedBytes);
}
