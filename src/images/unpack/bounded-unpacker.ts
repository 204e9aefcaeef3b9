import { Semaphore } from "#base/async.ts";
import type { LayerUnpacker } from "./process-unpacker.ts";

/**
 * At most so many layers at once, in the order asked. Each takes a CPU and 45 MB; what arrives meanwhile is kept as it
 * comes, and unpacked from there.
 */
export function boundedUnpacker(unpacker: LayerUnpacker, atOnce: number): LayerUnpacker {
  const permits = new Semaphore(atOnce);
  return {
    unpack: (request, signal) =>
      permits.run(async () => await unpacker.unpack(request, signal), signal),
  };
}
