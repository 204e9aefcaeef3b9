import { InvalidArgumentError } from "#base/errors.ts";

/** Kinds of frames that are told apart. @see RFC 9113, section 6 */
export const DATA = 0;
export const HEADERS = 1;
export const RESET = 3;
export const SETTINGS = 4;
export const PUSH = 5;
export const PING = 6;
export const GO_AWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;

export const PREFACE: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** What a peer may send that was told nothing else. */
export const FRAME_MAX_BYTES: number = 16 * 1024;
const HEAD_BYTES = 9;
const STREAM_MASK = 0x7fffffff;
const PRIORITY_BYTES = 5;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 is the connection. */
  readonly streamId: number;
  readonly payload: Uint8Array;
}

export function encodeFrame({ type, flags, streamId, payload }: Frame): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.byteLength);
  bytes.writeUIntBE(payload.byteLength, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Takes the bytes of a connection apart. Holds one unfinished frame at most. */
export class FrameSplitter {
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  #wantedBytes = HEAD_BYTES;

  /** @throws {InvalidArgumentError} A frame that is longer than allowed. */
  *push(chunk: Uint8Array): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.byteLength;
    while (this.#heldBytes >= this.#wantedBytes) {
      const [only = new Uint8Array()] = this.#chunks;
      const all = this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
      const held = Buffer.from(all.buffer, all.byteOffset, all.byteLength);
      const length = held.readUIntBE(0, 3);
      if (length > FRAME_MAX_BYTES) throw new InvalidArgumentError("A frame is too long");
      this.#wantedBytes = HEAD_BYTES + length;
      if (held.byteLength < this.#wantedBytes) {
        this.#chunks = [held];
        return;
      }
      const rest = held.subarray(this.#wantedBytes);
      this.#chunks = rest.byteLength > 0 ? [rest] : [];
      this.#heldBytes = rest.byteLength;
      const payload = held.subarray(HEAD_BYTES, this.#wantedBytes);
      this.#wantedBytes = HEAD_BYTES;
      yield {
        type: held[3] ?? 0,
        flags: held[4] ?? 0,
        streamId: held.readUInt32BE(5) & STREAM_MASK,
        payload,
      };
    }
  }
}

/** The payload without what fills it up and what says how urgent it is. @throws {InvalidArgumentError} It is too short. */
export function contentOf({ type, flags, payload }: Frame): Uint8Array {
  const padding = flags & PADDED ? (payload[0] ?? 0) : 0;
  const from =
    (flags & PADDED ? 1 : 0) + (type === HEADERS && flags & PRIORITY ? PRIORITY_BYTES : 0);
  if (from + padding > payload.byteLength) throw new InvalidArgumentError("A frame is cut off");
  return payload.subarray(from, payload.byteLength - padding);
}

const SETTING_BYTES = 6;

/** @param settings Numbers to values. */
export function encodeSettings(settings: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = Buffer.alloc(settings.length * SETTING_BYTES);
  for (const [index, [name, value]] of settings.entries()) {
    bytes.writeUInt16BE(name, index * SETTING_BYTES);
    bytes.writeUInt32BE(value, index * SETTING_BYTES + 2);
  }
  return bytes;
}

export function decodeSettings(payload: Uint8Array): readonly (readonly [number, number])[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const settings: (readonly [number, number])[] = [];
  for (let at = 0; at + SETTING_BYTES <= bytes.byteLength; at += SETTING_BYTES) {
    settings.push([bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)]);
  }
  return settings;
}

/** A number of 32 bits, as several frames have it. */
export function encodeNumber(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function decodeNumber(payload: Uint8Array): number {
  if (payload.byteLength < 4) throw new InvalidArgumentError("A frame is cut off");
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readUInt32BE(0);
}
