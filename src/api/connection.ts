import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/**
 * Why the API accepts connections itself and hands them to `node:http` as "connection" events, rather
 * than let `node:http` listen. Measured on Bun 1.4.5, two cores, unix socket:
 *
 *                                        http.Server.listen   net.Server + "connection"
 *   2,000 requests on one connection     0.58 s               0.61 s
 *   1,000 connections of one request     0.56 s               0.57 s
 *   body of 1 GB in                      1.7 s                2.5 s
 *   answer of 1 GB out                   0.6 s                1.1 s
 *   attach with `Upgrade: tcp`           works                works
 *   attach without `Upgrade`, stdin      what follows the     works
 *                                        head is parsed as
 *                                        the next request
 *
 * The third row from below decides: there, a container's stdin would be executed as API requests.
 * Fastify was not measured further, since its routes give no access to the connection before the head
 * is parsed. The price is that this way of Bun's reads bodies ahead without bound, which
 * `limitReadAhead` stops, and knows no time-outs, which `server.ts` keeps itself.
 */

/** Request header that marks a takeover without `Upgrade`, put in by `withLegacyHijackMark` only. */
export const LEGACY_HIJACK_HEADER = "x-wharf-legacy-hijack";

/** Bytes of a body that may wait in memory for its handler. */
const READ_AHEAD_MAX_BYTES = 64 * 1024;

const HIJACK_REQUEST =
  /^POST (?:https?:\/\/[^/ ]+)?(?:\/v[0-9.]+)?\/(?:containers\/[^/ ]+\/attach|exec\/[^/ ]+\/start)(?:\?[^ ]*)? HTTP\/1\.[01]\r\n/;

/** Whether the head of a request must be complete before it is passed on: it may be a legacy takeover. */
export function mayBeHijack(firstBytes: Uint8Array): boolean {
  return HIJACK_REQUEST.test(asText(firstBytes));
}

export function headEnd(bytes: Uint8Array): number | undefined {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf("\r\n\r\n");
  return end < 0 ? undefined : end;
}

/**
 * Clients before API 1.20 and hand-made ones take an attach or exec over without asking for `Upgrade`.
 * The HTTP parser then needs to be told to step aside, which only that header does: it is put in, with
 * a mark that makes the answer `200` rather than `101`.
 *
 * @param bytes Beginning of the connection's first request, with its whole head.
 * @returns Undefined when the request is no such takeover: it upgrades by itself, or streams its
 *   input as a chunked body.
 */
export function withLegacyHijackMark(bytes: Uint8Array): Uint8Array | undefined {
  const end = headEnd(bytes);
  if (end === undefined || !mayBeHijack(bytes)) return undefined;
  const head = asText(bytes.subarray(0, end + 2));
  if (/\r\nupgrade[ \t]*:/i.test(head)) return undefined;
  if (/\r\ntransfer-encoding[ \t]*:/i.test(head) && head.includes("/attach")) return undefined;
  const lineEnd = head.indexOf("\r\n");
  const rest = head.slice(lineEnd).replaceAll(/\r\nconnection[ \t]*:[^\r]*/gi, "");
  const mark = `\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${LEGACY_HIJACK_HEADER}: 1`;
  const marked = Buffer.from(head.slice(0, lineEnd) + mark + rest, "latin1");
  return Buffer.concat([marked, bytes.subarray(end + 2)]);
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/**
 * Pauses the connection while `request` has enough waiting. `node:http` on Node does this by itself; on
 * Bun it does not for connections handed to it.
 */
export function limitReadAhead(request: IncomingMessage, socket: Socket): void {
  const pauseWhenFull = (): void => {
    if (request.readableLength > READ_AHEAD_MAX_BYTES) socket.pause();
  };
  socket.on("data", pauseWhenFull);
  request._read = () => void socket.resume();
  request.once("close", () => {
    socket.off("data", pauseWhenFull);
    socket.resume();
  });
}
