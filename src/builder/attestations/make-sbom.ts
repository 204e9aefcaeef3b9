import { UnsupportedError } from "#base/errors.ts";
import type { Attestation } from "./statement.ts";
import type { SbomWish } from "./wishes.ts";

export async function makeSbom(
  _parts: unknown,
  _of: unknown,
  _wish: SbomWish,
  _signal: AbortSignal,
): Promise<readonly Attestation[]> {
  throw new UnsupportedError("not yet");
}
