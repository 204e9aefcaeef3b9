import type { BodyPiece, BodyReader, Pace } from "#registry-server/content/uploads.ts";
import { RegistryError } from "#registry-server/errors.ts";

export interface PaceLimits {
  /** Least rate at which a body has to come, in the long run. */
  readonly minBytesPerSecond: number;
  /** How long nothing may come before that counts. */
  readonly graceMs: number;
}

/**
 * Ends a body that comes too slowly: a byte now and then would keep a connection and an upload busy for ever. What is
 * measured is the time spent waiting for the client; a slow disk of ours is not the client's fault.
 */
export class BodyPace implements Pace {
  readonly #limits: PaceLimits;
  #leftMs: number;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
    this.#leftMs = limits.graceMs;
  }

  /** @throws {RegistryError} With status 408; the reader is cancelled then. */
  async next(reader: BodyReader): Promise<BodyPiece> {
    const { graceMs, minBytesPerSecond } = this.#limits;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(tooSlow(minBytesPerSecond)), this.#leftMs);
    const beginMs = performance.now();
    try {
      const result = await Promise.race([reader.read(), late.promise]);
      const earnedMs = ((result.value?.byteLength ?? 0) / minBytesPerSecond) * 1000;
      const leftMs = this.#leftMs - (performance.now() - beginMs) + earnedMs;
      this.#leftMs = Math.min(graceMs, Math.max(leftMs, 0));
      return result;
    } catch (error) {
      void reader.cancel(error).catch(() => undefined); // the client's end may be gone already
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function tooSlow(minBytesPerSecond: number): RegistryError {
  return new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `body comes at less than ${minBytesPerSecond} bytes a second`,
    { status: 408, headers: { Connection: "close" } },
  );
}
