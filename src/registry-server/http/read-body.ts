import { RegistryError } from "#registry-server/errors.ts";

/**
 * Reads a whole body, refusing one that is too long as soon as that shows.
 *
 * @throws {RegistryError} With status 413.
 */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = (): RegistryError =>
    new RegistryError("SIZE_INVALID", `body is over the limit of ${maxBytes} bytes`, {
      status: 413,
    });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (!request.body) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of request.body) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}
