export type OutputStream = "stdout" | "stderr";

const STREAM_NUMBERS: Readonly<Record<OutputStream, number>> = { stdout: 1, stderr: 2 };

/**
 * Frames one chunk of container output for a non-TTY `attach`, `exec` or `logs` response.
 *
 * @param payload Raw bytes as the container wrote them; at most 2^32 - 1.
 * @returns 8-byte header then payload: byte 0 is the stream, 1-3 are zero, 4-7 the payload length
 *   in bytes, big-endian.
 * @see Docker Engine API, `POST /containers/{id}/attach`, "Stream format".
 */
export function frameOutput(stream: OutputStream, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(8 + payload.byteLength);
  frame[0] = STREAM_NUMBERS[stream];
  new DataView(frame.buffer).setUint32(4, payload.byteLength);
  frame.set(payload, 8);
  return frame;
}

export const FRAME_HEAD_BYTES = 8;

/** Writes the head of a frame with `size` bytes of payload, at most 2^32 - 1, to `out` at `at`. */
export function putFrameHead(out: Buffer, at: number, stream: OutputStream, size: number): void {
  out[at] = STREAM_NUMBERS[stream];
  out[at + 1] = 0;
  out[at + 2] = 0;
  out[at + 3] = 0;
  out[at + 4] = size >>> 24;
  out[at + 5] = size >>> 16;
  out[at + 6] = size >>> 8;
  out[at + 7] = size;
}

/** Media type of a stream: raw for a terminal, and before API 1.42 for all. */
export const RAW_STREAM_TYPE = "application/vnd.docker.raw-stream";
export const MULTIPLEXED_STREAM_TYPE = "application/vnd.docker.multiplexed-stream";
