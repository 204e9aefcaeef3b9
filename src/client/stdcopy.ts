import { UnavailableError } from "#base/errors.ts";

/** One piece of a container's output; `error` is the engine's own last word on the stream. */
export interface OutputPiece {
  readonly stream: "stdout" | "stderr" | "error";
  readonly payload: Uint8Array;
}

const streams: Readonly<Record<number, OutputPiece["stream"]>> = {
  0: "stdout", // stdin, as docker's stdcopy writes it to stdout
  1: "stdout",
  2: "stderr",
  3: "error",
};

const headerBytes = 8;

/**
 * Splits the output of a container without TTY: 8-byte headers (byte 0 the stream, bytes 4-7 the
 * payload's length in bytes, big-endian), each followed by its payload. Nothing waits for a large frame,
 * and small ones of one stream that come together are passed on together.
 *
 * @param source Its chunks are used up: payloads are moved together within them, and given out as views.
 * @throws {UnavailableError} When the stream ends inside a frame or names an unknown stream.
 * @see Docker Engine API, `POST /containers/{id}/attach`, "Stream format".
 */
export async function* demultiplex(source: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  const header = new Uint8Array(headerBytes);
  let headerLength = 0;
  let stream: OutputPiece["stream"] = "stdout";
  let left = 0;
  for await (const chunk of source) {
    let length = 0;
    let from = 0;
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const size = Math.min(left, chunk.length - at);
        chunk.copyWithin(length, at, at + size);
        length += size;
        at += size;
        left -= size;
        continue;
      }
      while (headerLength < headerBytes && at < chunk.length) {
        header[headerLength++] = chunk[at++] ?? 0;
      }
      if (headerLength < headerBytes) break;
      headerLength = 0;
      const named = streams[header[0] ?? 0];
      if (!named) throw new UnavailableError(`Unrecognized input header: ${header[0]}`);
      if (named !== stream && length > from) {
        yield { stream, payload: chunk.subarray(from, length) };
        from = length;
      }
      stream = named;
      left = payloadBytes(header);
    }
    if (length > from) yield { stream, payload: chunk.subarray(from, length) };
  }
  if (left > 0 || headerLength > 0) throw new UnavailableError("unexpected EOF");
}

function payloadBytes(header: Uint8Array): number {
  let size = 0;
  for (let at = 4; at < headerBytes; at++) size = size * 256 + (header[at] ?? 0);
  return size;
}
