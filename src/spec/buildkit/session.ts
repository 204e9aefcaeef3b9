import {
  bigInteger,
  bytes,
  bytesMap,
  embedded,
  integer,
  type Message,
  message,
  text,
} from "#base/protobuf/message.ts";

/** The services that a client offers on its session; the engine is who calls them. */
export const FILE_SYNC = "/moby.filesync.v1.FileSync/DiffCopy";
export const FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy";
export const AUTH_CREDENTIALS = "/moby.filesync.v1.Auth/Credentials";
export const GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
export const CHECK_SSH_AGENT = "/moby.sshforward.v1.SSH/CheckAgent";
export const FORWARD_SSH_AGENT = "/moby.sshforward.v1.SSH/ForwardAgent";

export const PULL_UPLOAD = "/moby.upload.v1.Upload/Pull";

/** BuildKit asks for it every few seconds, and gives a session up that does not answer. */
export const CHECK_HEALTH = "/grpc.health.v1.Health/Check";

/** Metadata of `Pull`: path of the URL whose host is `UPLOAD_HOST`. */
export const UPLOAD_PATH_KEY = "urlpath";
export const UPLOAD_HOST = "buildkit-session";
/**
 * Header of our own clients in `POST /session`, once a folder: `NAME DEVICE:INODE PATH`, each escaped as in URLs. An engine
 * that sees the same folder reads it in place.
 */
export const SESSION_FOLDER_HEADER = "x-wharf-session-folder";
/** Metadata of `ForwardAgent`. */
export const SSH_ID_KEY = "buildkit.ssh.id";
/** Metadata of `FileSend`: position of the exporter in the request. */
export const EXPORTER_ID_KEY = "buildkit-attachable-exporter-id";

/** `fsutil.types.Stat` */
export interface FileStat {
  readonly path: string;
  /** Go's `FileMode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedNanos: bigint;
  /** Target of a symbolic link; of a regular file, the name that it is a hard link to. */
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}
export const FILE_STAT: Message<FileStat> = message({
  path: text(1),
  mode: integer(2),
  uid: integer(3),
  gid: integer(4),
  sizeBytes: integer(5),
  modifiedNanos: bigInteger(6),
  linkName: text(7),
  deviceMajor: integer(8),
  deviceMinor: integer(9),
  xattrs: bytesMap(10),
});

/** `fsutil.types.Packet.PacketType` */
export const PACKET_STAT = 0;
export const PACKET_REQUEST = 1;
export const PACKET_DATA = 2;
export const PACKET_FINISHED = 3;
export const PACKET_ERROR = 4;

/** `fsutil.types.Packet` */
export interface Packet {
  readonly type: number;
  readonly stat: FileStat | undefined;
  /** Position of the file among all that were announced. */
  readonly id: number;
  readonly data: Uint8Array;
}
export const PACKET: Message<Packet> = message({
  type: integer(1),
  stat: embedded(2, FILE_STAT),
  id: integer(3),
  data: bytes(4),
});

export interface CredentialsRequest {
  readonly host: string;
}
export const CREDENTIALS_REQUEST: Message<CredentialsRequest> = message({ host: text(1) });

export interface CredentialsResponse {
  /** Empty where the secret is an identity token. */
  readonly username: string;
  readonly secret: string;
}
export const CREDENTIALS_RESPONSE: Message<CredentialsResponse> = message({
  username: text(1),
  secret: text(2),
});

export interface SecretRequest {
  readonly id: string;
}
export const SECRET_REQUEST: Message<SecretRequest> = message({ id: text(1) });

export interface SshAgentRequest {
  readonly id: string;
}
export const SSH_AGENT_REQUEST: Message<SshAgentRequest> = message({ id: text(1) });

/** `grpc.health.v1.HealthCheckResponse` */
export interface HealthResponse {
  readonly status: number;
}
export const HEALTH_RESPONSE: Message<HealthResponse> = message({ status: integer(1) });
export const HEALTH_SERVING = 1;
