import { UnavailableError, WharfError } from "#base/errors.ts";
import type { Connection } from "./connection.ts";
import { type TlsMaterial, connectSocket } from "./connect-socket.ts";
import type { Endpoint } from "./endpoint.ts";
import { unreachableError } from "./error-response.ts";

/**
 * A connection to whatever listens at the endpoint; nothing has been sent on it.
 *
 * @throws {EngineUnreachableError} In docker's words.
 */
export async function dialEndpoint(
  endpoint: Endpoint,
  tls: TlsMaterial | undefined,
): Promise<Connection> {
  try {
    switch (endpoint.kind) {
      case "unix":
        return await connectSocket({ unix: endpoint.path });
      case "tcp": {
        const target = { hostname: endpoint.host, port: endpoint.port };
        return await connectSocket(tls ? { ...target, tls } : target);
      }
      case "ssh": {
        const { connectSsh } = await import("./connect-ssh.ts");
        return connectSsh(endpoint);
      }
    }
  } catch (error) {
    if (error instanceof WharfError && !(error instanceof UnavailableError)) throw error;
    throw unreachableError(endpoint.text, error);
  }
}
