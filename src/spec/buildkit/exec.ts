import {
  bytes,
  embedded,
  flag,
  integer,
  integers,
  many,
  type Message,
  message,
  text,
  texts,
} from "#base/protobuf/message.ts";
import { RPC_STATUS, type RpcStatus } from "./shared.ts";

/**
 * Processes in the files of a build: `NewContainer`, `ReleaseContainer` and `ExecProcess` of the gateway
 * (frontend/gateway/pb/gateway.proto), with what they take of `pb.ExecOp` (solver/pb/ops.proto).
 */

/** `pb.MountType` */
export const MOUNT_TYPES = ["BIND", "SECRET", "SSH", "CACHE", "TMPFS"] as const;
/** `pb.NetMode` */
export const NETWORK_MODES = ["UNSET", "HOST", "NONE"] as const;
/** `pb.SecurityMode` */
export const SECURITY_MODES = ["SANDBOX", "INSECURE"] as const;
/** `pb.CacheSharingOpt` */
export const CACHE_SHARINGS = ["SHARED", "PRIVATE", "LOCKED"] as const;

/** `pb.CacheOpt` */
export interface WireCacheMount {
  readonly id: string;
  readonly sharing: number;
}
const CACHE_MOUNT: Message<WireCacheMount> = message({ id: text(1), sharing: integer(2) });

/** `pb.SecretOpt`, `pb.SSHOpt` */
export interface WireSecretMount {
  readonly id: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly isOptional: boolean;
}
const SECRET_MOUNT: Message<WireSecretMount> = message({
  id: text(1),
  uid: integer(2),
  gid: integer(3),
  mode: integer(4),
  isOptional: flag(5),
});

/** `pb.TmpfsOpt` */
export interface WireTmpfs {
  readonly sizeBytes: number;
}
const TMPFS: Message<WireTmpfs> = message({ sizeBytes: integer(1) });

/** `pb.Mount` */
export interface WireMount {
  readonly selector: string;
  readonly destination: string;
  readonly isReadOnly: boolean;
  /** Index in `MOUNT_TYPES`. */
  readonly type: number;
  readonly tmpfs: WireTmpfs | undefined;
  readonly cache: WireCacheMount | undefined;
  readonly secret: WireSecretMount | undefined;
  readonly ssh: WireSecretMount | undefined;
  /** Name of a result, or of a failed step's mount; empty for no files. */
  readonly resultId: string;
}
const MOUNT: Message<WireMount> = message({
  selector: text(2),
  destination: text(3),
  isReadOnly: flag(5),
  type: integer(6),
  tmpfs: embedded(19, TMPFS),
  cache: embedded(20, CACHE_MOUNT),
  secret: embedded(21, SECRET_MOUNT),
  ssh: embedded(22, SECRET_MOUNT),
  resultId: text(23),
});

export interface NewContainerRequest {
  readonly containerId: string;
  readonly mounts: readonly WireMount[];
  /** Index in `NETWORK_MODES`. */
  readonly network: number;
}
export const NEW_CONTAINER_REQUEST: Message<NewContainerRequest> = message({
  containerId: text(1),
  mounts: many(2, MOUNT),
  network: integer(3),
});

export interface ReleaseContainerRequest {
  readonly containerId: string;
}
export const RELEASE_CONTAINER_REQUEST: Message<ReleaseContainerRequest> = message({
  containerId: text(1),
});

/** `pb.Meta` */
export interface ProcessMeta {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
}
const PROCESS_META: Message<ProcessMeta> = message({
  args: texts(1),
  env: texts(2),
  cwd: text(3),
  user: text(4),
});

/** `pb.SecretEnv` */
export interface SecretEnv {
  readonly id: string;
  readonly name: string;
  readonly isOptional: boolean;
}
const SECRET_ENV: Message<SecretEnv> = message({ id: text(1), name: text(2), isOptional: flag(3) });

/** From the client: starts a process. */
export interface InitMessage {
  readonly containerId: string;
  readonly meta: ProcessMeta | undefined;
  /** 0, 1 and 2: those that the client minds. */
  readonly descriptors: readonly number[];
  readonly hasTerminal: boolean;
  /** Index in `SECURITY_MODES`. */
  readonly security: number;
  readonly secretEnv: readonly SecretEnv[];
}
const INIT_MESSAGE: Message<InitMessage> = message({
  containerId: text(1),
  meta: embedded(2, PROCESS_META),
  descriptors: integers(3),
  hasTerminal: flag(4),
  security: integer(5),
  secretEnv: many(6, SECRET_ENV),
});

/** Bytes of a descriptor, to or from the process. */
export interface FdMessage {
  readonly descriptor: number;
  readonly isEnd: boolean;
  readonly data: Uint8Array;
}
const FD_MESSAGE: Message<FdMessage> = message({
  descriptor: integer(1),
  isEnd: flag(2),
  data: bytes(3),
});

export interface ResizeMessage {
  readonly rows: number;
  readonly columns: number;
}
const RESIZE_MESSAGE: Message<ResizeMessage> = message({ rows: integer(1), columns: integer(2) });

/** What an exit message has where the process never ran. */
export const UNKNOWN_EXIT_CODE = 255;

export interface ExitMessage {
  readonly code: number;
  /** Undefined where it ended with 0. */
  readonly error: RpcStatus | undefined;
}
const EXIT_MESSAGE: Message<ExitMessage> = message({
  code: integer(1),
  error: embedded(2, RPC_STATUS),
});

/** By name, as `SIGINT`. */
export interface SignalMessage {
  readonly name: string;
}
const SIGNAL_MESSAGE: Message<SignalMessage> = message({ name: text(1) });

type Nothing = Readonly<Record<never, never>>;
const NOTHING: Message<Nothing> = message<Nothing>({});

/** One message of `ExecProcess`, both ways: which process is meant, and one of the others. */
export interface ExecMessage {
  /** The client's name of it. */
  readonly processId: string;
  readonly init: InitMessage | undefined;
  readonly file: FdMessage | undefined;
  readonly resize: ResizeMessage | undefined;
  /** From the engine: it runs. */
  readonly started: Nothing | undefined;
  readonly exit: ExitMessage | undefined;
  /** From the engine: nothing more comes of it. */
  readonly done: Nothing | undefined;
  readonly signal: SignalMessage | undefined;
}
export const EXEC_MESSAGE: Message<ExecMessage> = message({
  processId: text(1),
  init: embedded(2, INIT_MESSAGE),
  file: embedded(3, FD_MESSAGE),
  resize: embedded(4, RESIZE_MESSAGE),
  started: embedded(5, NOTHING),
  exit: embedded(6, EXIT_MESSAGE),
  done: embedded(7, NOTHING),
  signal: embedded(8, SIGNAL_MESSAGE),
});
