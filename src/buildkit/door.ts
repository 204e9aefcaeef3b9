import type { ByteConnection } from "#rpc/http2/byte-connection.ts";
import { serveRpc } from "#rpc/server.ts";
import { BuildEndpoint } from "./build-endpoint.ts";
import { buildkitMethods, type ServiceParts } from "./control/services.ts";
import { Builds } from "./control/builds.ts";
import { type SessionHead, Sessions } from "./session/client-session.ts";

/** BuildKit's side of the engine, on connections that were taken over. */
export interface BuildkitDoor {
  /** Serves BuildKit's API until the connection ends. */
  serveControl(connection: ByteConnection, signal: AbortSignal): Promise<void>;
  /** Holds a client's session until the connection ends. */
  serveSession(head: SessionHead, connection: ByteConnection, signal: AbortSignal): Promise<void>;
  /** For clients that have no gRPC of their own. */
  readonly endpoint: Pick<BuildEndpoint, "build" | "upload" | "cancel">;
}

export function openBuildkitDoor(
  options: Omit<ServiceParts, "builds" | "sessions"> & {
    readonly onFailure: (method: string, error: unknown) => void;
  },
): BuildkitDoor {
  const { onFailure, ...rest } = options;
  const sessions = new Sessions();
  const parts = { ...rest, builds: new Builds(), sessions };
  const methods = buildkitMethods(parts);
  return {
    endpoint: new BuildEndpoint(parts),
    serveControl: (connection, signal) => serveRpc(connection, { methods, onFailure }, signal),
    serveSession: (head, connection, signal) => sessions.serve(head, connection, signal),
  };
}
