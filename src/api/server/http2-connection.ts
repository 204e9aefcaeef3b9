import type { Socket } from "node:net";
import type { Authorizer } from "#auth/authorizer.ts";
import { describePeer } from "#api/authorization.ts";
import { HijackedConnection } from "#api/hijacked-connection.ts";
import { SocketInput } from "#api/socket-input.ts";

/** What a client says first that speaks HTTP/2 without having asked. RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Whether a connection speaks HTTP/2 from its first byte on, as gRPC's clients do.
 *
 * @returns "maybe" while there are too few bytes to tell.
 */
export function http2Begins(firstBytes: Uint8Array): "yes" | "no" | "maybe" {
  const length = Math.min(firstBytes.byteLength, PREFACE.byteLength);
  if (!PREFACE.subarray(0, length).equals(firstBytes.subarray(0, length))) return "no";
  return length === PREFACE.byteLength ? "yes" : "maybe";
}

/** Serves HTTP/2 on a connection until that ends. */
export type Http2Service = (connection: HijackedConnection, signal: AbortSignal) => Promise<void>;

/**
 * Serves such a connection. To plugins that decide about requests it is the same as an upgrade at `POST /grpc`.
 *
 * @param firstBytes What was read of it.
 * @throws {PermissionDeniedError} A plugin denies it.
 */
export async function serveHttp2(
  service: Http2Service,
  connection: { readonly socket: Socket; readonly firstBytes: Uint8Array },
  authorizer: Authorizer | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { socket, firstBytes } = connection;
  const taken = new HijackedConnection(socket, new SocketInput(socket, firstBytes));
  if (authorizer?.isActive) {
    await authorizer.checkCall(
      { ...describePeer(socket), method: "POST", uri: "/grpc", headers: {} },
      signal,
    );
  }
  await service(taken, signal);
}
