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
 * payload's length in bytes, big-endian), each followed by its payload. A payload is passed on in
 * the pieces it comes in, so nothing waits for a large frame.
 *
 * @throws {UnavailableError} When the stream ends inside a frame or names an unknown stream.
 * @see Docker Engine API, `POST /containers/{id}/attach`, "Stream format".
 */
export async function* demultiplex(source: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  let header = new Uint8Array(0);
  let stream: OutputPiece["stream"] = "stdout";
  let left = 0;
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0; ) {
      if (left > 0) {
        const payload = rest.subarray(0, left);
        left -= payload.length;
        rest = rest.subarray(payload.length);
        yield { stream, payload };
        continue;
      }
      const part = rest.subarray(0, headerBytes - header.length);
      rest = rest.subarray(part.length);
      header = new Uint8Array(Buffer.concat([header, part]));
      if (header.length < headerBytes) continue;
      const named = streams[header[0] ?? 0];
      if (!named) throw new UnavailableError(`Unrecognized input header: ${header[0]}`);
      stream = named;
      left = new DataView(header.buffer, header.byteOffset).getUint32(4);
      header = new Uint8Array(0);
    }
  }
  if (left > 0 || header.length > 0) throw new UnavailableError("unexpected EOF");
}
