import {
  bigInteger,
  bytes,
  bytesMap,
  embedded,
  integer,
  many,
  manyBytes,
  type Message,
  message,
  text,
  textMap,
  texts,
} from "#base/protobuf/message.ts";

/** A message without fields. */
export type Empty = Readonly<Record<never, never>>;
export const EMPTY: Message<Empty> = message<Empty>({});

/** `google.protobuf.Timestamp` */
export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}
export const TIMESTAMP: Message<Timestamp> = message({ seconds: integer(1), nanos: integer(2) });

/** @param timeMs Milliseconds since 1970. */
export function toTimestamp(timeMs: number): Timestamp {
  const seconds = Math.floor(timeMs / 1000);
  return { seconds, nanos: Math.round((timeMs - seconds * 1000) * 1e6) };
}

/** `google.protobuf.Any` */
export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}
export const ANY: Message<AnyMessage> = message({ typeUrl: text(1), value: bytes(2) });

/** `google.rpc.Status` */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly AnyMessage[];
}
export const RPC_STATUS: Message<RpcStatus> = message({
  code: integer(1),
  message: text(2),
  details: many(3, ANY),
});

/** Bytes of a stream: `BytesMessage` of several services. */
export interface BytesMessage {
  readonly data: Uint8Array;
}
export const BYTES_MESSAGE: Message<BytesMessage> = message({ data: bytes(1) });

/** `pb.Platform` */
export interface WirePlatform {
  readonly architecture: string;
  readonly os: string;
  readonly variant: string;
}
export const PLATFORM: Message<WirePlatform> = message({
  architecture: text(1),
  os: text(2),
  variant: text(3),
});

/** `pb.Definition`: a graph of operations. Ours has one, whose source is a result of this engine. */
export interface Definition {
  readonly operations: readonly Uint8Array[];
  /** Of each operation by its digest; clients take a definition without any for none. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** What the operations were made from. */
  readonly source: Uint8Array;
}
export const DEFINITION: Message<Definition> = message({
  operations: manyBytes(1),
  metadata: bytesMap(2),
  source: bytes(3),
});

/** `CacheOptionsEntry` */
export interface CacheOptionsEntry {
  /** `registry`, `local`, `inline`, … */
  readonly type: string;
  readonly attributes: ReadonlyMap<string, string>;
}
export const CACHE_OPTIONS_ENTRY: Message<CacheOptionsEntry> = message({
  type: text(1),
  attributes: textMap(2),
});

/** `types.BuildkitVersion` */
export interface BuildkitVersion {
  readonly package: string;
  readonly version: string;
  readonly revision: string;
}
export const BUILDKIT_VERSION: Message<BuildkitVersion> = message({
  package: text(1),
  version: text(2),
  revision: text(3),
});

/** `types.GCPolicy` */
export interface GcPolicy {
  readonly all: number;
  readonly keepDurationNanos: bigint;
  readonly reservedBytes: number;
  readonly filters: readonly string[];
}
const GC_POLICY: Message<GcPolicy> = message({
  all: integer(1),
  keepDurationNanos: bigInteger(2),
  reservedBytes: integer(3),
  filters: texts(4),
});

/** `types.WorkerRecord` */
export interface WorkerRecord {
  readonly id: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly platforms: readonly WirePlatform[];
  readonly gcPolicies: readonly GcPolicy[];
  readonly version: BuildkitVersion | undefined;
}
export const WORKER_RECORD: Message<WorkerRecord> = message({
  id: text(1),
  labels: textMap(2),
  platforms: many(3, PLATFORM),
  gcPolicies: many(4, GC_POLICY),
  version: embedded(5, BUILDKIT_VERSION),
});
