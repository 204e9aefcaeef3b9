import { RegistryError } from "#registry-server/errors.ts";
import { BodyPace, type PaceLimits } from "./body-pace.ts";

export interface BodyLimits {
  /** Of all bodies that are in memory at one time. */
  readonly memoryBytes: number;
  readonly pace: PaceLimits;
}

/** A whole body in memory; disposing gives its share of the memory back. */
export interface HeldBody extends Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Bodies that are read whole. Their memory is bounded together: 4 MiB of one manifest are little, those of a thousand
 * clients at once are not.
 */
export class Bodies {
  readonly #limits: BodyLimits;
  #heldBytes = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** For a body that is not read whole. */
  pace(): BodyPace {
    return new BodyPace(this.#limits.pace);
  }

  /**
   * Refuses a body that is too long as soon as that shows.
   *
   * @throws {RegistryError} With status 413; 408 when it comes too slowly; 503 when too many come at once.
   */
  async read(request: Request, maxBytes: number): Promise<HeldBody> {
    const tooLarge = (): RegistryError =>
      new RegistryError("SIZE_INVALID", `body is over the limit of ${maxBytes} bytes`, {
        status: 413,
      });
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
    using stack = new DisposableStack();
    const pieces: Uint8Array[] = [];
    const reader = request.body?.getReader();
    const pace = this.pace();
    for (let sizeBytes = 0; reader; ) {
      const { done, value } = await pace.next(reader);
      if (done) break;
      sizeBytes += value.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge();
      stack.use(this.#hold(value.byteLength));
      pieces.push(value);
    }
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const held = stack.move();
    return { bytes, [Symbol.dispose]: () => held.dispose() };
  }

  #hold(bytes: number): Disposable {
    if (this.#heldBytes + bytes > this.#limits.memoryBytes) {
      throw new RegistryError("UNAVAILABLE", "too many manifests are being sent at once", {
        headers: { "Retry-After": "1" },
      });
    }
    this.#heldBytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#heldBytes -= bytes;
      },
    };
  }
}
