import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { InvalidArgumentError } from "#base/errors.ts";
import { formatHead } from "#http1/answer.ts";
import { type HijackExchange, type HijackedStream, endHijacked, writeSocket } from "./hijack.ts";
import type { SocketInput } from "./socket-input.ts";

/**
 * The server's half of RFC 6455, as much as `attach/ws` needs: binary messages out, text and binary
 * in, ping, close. Written here because Bun replaces the `ws` package by one that only upgrades
 * connections of its own server, not those that we accept (see connection.ts).
 */

/** RFC 6455 section 1.3 */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Largest frame a client may send, in bytes. */
const FRAME_MAX_BYTES = 1024 * 1024;

/**
 * Answers the handshake.
 *
 * @throws {InvalidArgumentError} The request is no websocket handshake.
 */
export function acceptWebsocket(exchange: HijackExchange): HijackedStream {
  const { fields } = exchange.request;
  const key = fields.get("sec-websocket-key");
  if (fields.get("upgrade")?.toLowerCase() !== "websocket" || key === undefined) {
    throw new InvalidArgumentError(
      "Cannot attach by websocket: the request is no websocket handshake",
    );
  }
  const { socket, input } = exchange.takeSocket();
  const protocol = fields.get("sec-websocket-protocol")?.split(",")[0]?.trim();
  socket.write(
    formatHead("101 Switching Protocols", {
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Accept": createHash("sha1")
        .update(key + ACCEPT_SUFFIX)
        .digest("base64"),
      ...(protocol ? { "Sec-WebSocket-Protocol": protocol } : {}),
    }),
  );
  return {
    input: () => readMessages(socket, input),
    write: (bytes) => writeSocket(socket, encodeFrame(OPCODES.binary, bytes)),
    end: async () => {
      if (socket.writable) socket.write(encodeFrame(OPCODES.close, new Uint8Array([3, 232]))); // 1000
      await endHijacked(socket, input);
    },
  };
}

/** One unmasked, unfragmented frame. */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const length = payload.byteLength;
  const extraBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extraBytes + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extraBytes === 0 ? length : extraBytes === 2 ? 126 : 127;
  if (extraBytes === 2) frame.writeUInt16BE(length, 2);
  if (extraBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + extraBytes);
  return frame;
}

async function* readMessages(socket: Socket, input: SocketInput): AsyncGenerator<Uint8Array> {
  for (;;) {
    const frame = await readFrame(input);
    if (frame === undefined) return;
    switch (frame.opcode) {
      case OPCODES.continuation:
      case OPCODES.text:
      case OPCODES.binary:
        if (frame.payload.byteLength > 0) yield frame.payload;
        break;
      case OPCODES.ping:
        await writeSocket(socket, encodeFrame(OPCODES.pong, frame.payload));
        break;
      case OPCODES.close:
        return;
      case OPCODES.pong:
        break;
      default:
        return; // RFC 6455 section 5.2: an unknown opcode fails the connection
    }
  }
}

interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** @returns Undefined at the end, and for what no client may send: unmasked or too large. */
async function readFrame(input: SocketInput): Promise<Frame | undefined> {
  const start = await input.take(2);
  const [first, second] = start;
  if (first === undefined || second === undefined || (second & 0x80) === 0) return undefined;
  let length = second & 0x7f;
  if (length === 126) {
    const extended = await input.take(2);
    if (extended.byteLength < 2) return undefined;
    length = extended.readUInt16BE();
  } else if (length === 127) {
    const extended = await input.take(8);
    if (extended.byteLength < 8) return undefined;
    length = Number(extended.readBigUInt64BE());
  }
  if (length > FRAME_MAX_BYTES) return undefined;
  const mask = await input.take(4);
  const payload = await input.take(length);
  if (mask.byteLength < 4 || payload.byteLength < length) return undefined;
  for (let at = 0; at < payload.byteLength; at++) {
    payload[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  }
  return { opcode: first & 0x0f, payload };
}
