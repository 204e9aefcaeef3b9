import {
  bigInteger,
  bytes,
  embedded,
  flag,
  integer,
  many,
  manyBytes,
  type Message,
  message,
  messageMap,
  text,
  textMap,
  texts,
} from "#base/protobuf/message.ts";
import {
  BUILDKIT_VERSION,
  type BuildkitVersion,
  CACHE_OPTIONS_ENTRY,
  type CacheOptionsEntry,
  type Definition,
  DEFINITION,
  type Timestamp,
  TIMESTAMP,
  WORKER_RECORD,
  type WorkerRecord,
} from "./shared.ts";

/** Service `moby.buildkit.v1.Control`: BuildKit's own API (api/services/control/control.proto). */
export const CONTROL_SERVICE = "/moby.buildkit.v1.Control/";

export interface Exporter {
  readonly type: string;
  readonly attributes: ReadonlyMap<string, string>;
}
export const EXPORTER: Message<Exporter> = message({ type: text(1), attributes: textMap(2) });

export interface CacheOptions {
  readonly exports: readonly CacheOptionsEntry[];
  readonly imports: readonly CacheOptionsEntry[];
}
const CACHE_OPTIONS: Message<CacheOptions> = message({
  exports: many(4, CACHE_OPTIONS_ENTRY),
  imports: many(5, CACHE_OPTIONS_ENTRY),
});

export interface SolveRequest {
  /** Name of the build, the client's. */
  readonly ref: string;
  readonly definition: Definition | undefined;
  readonly exporterType: string;
  readonly exporterAttributes: ReadonlyMap<string, string>;
  readonly sessionId: string;
  /** Empty where the client drives the build itself, by `LLBBridge`. */
  readonly frontend: string;
  readonly frontendAttributes: ReadonlyMap<string, string>;
  readonly cache: CacheOptions | undefined;
  readonly entitlements: readonly string[];
  readonly frontendInputs: ReadonlyMap<string, Definition | undefined>;
  readonly isInternal: boolean;
  readonly exporters: readonly Exporter[];
}
export const SOLVE_REQUEST: Message<SolveRequest> = message({
  ref: text(1),
  definition: embedded(2, DEFINITION),
  exporterType: text(3),
  exporterAttributes: textMap(4),
  sessionId: text(5),
  frontend: text(6),
  frontendAttributes: textMap(7),
  cache: embedded(8, CACHE_OPTIONS),
  entitlements: texts(9),
  frontendInputs: messageMap(10, DEFINITION),
  isInternal: flag(11),
  exporters: many(13, EXPORTER),
});

export interface SolveResponse {
  readonly exporterResponse: ReadonlyMap<string, string>;
}
export const SOLVE_RESPONSE: Message<SolveResponse> = message({ exporterResponse: textMap(1) });

export interface StatusRequest {
  readonly ref: string;
}
export const STATUS_REQUEST: Message<StatusRequest> = message({ ref: text(1) });

export interface StatusVertex {
  readonly digest: string;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly isCached: boolean;
  readonly started: Timestamp | undefined;
  readonly completed: Timestamp | undefined;
  readonly error: string;
}
const STATUS_VERTEX: Message<StatusVertex> = message({
  digest: text(1),
  inputs: texts(2),
  name: text(3),
  isCached: flag(4),
  started: embedded(5, TIMESTAMP),
  completed: embedded(6, TIMESTAMP),
  error: text(7),
});

export interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly name: string;
  readonly current: number;
  readonly total: number;
  readonly timestamp: Timestamp | undefined;
  readonly started: Timestamp | undefined;
  readonly completed: Timestamp | undefined;
}
const VERTEX_STATUS: Message<VertexStatus> = message({
  id: text(1),
  vertex: text(2),
  name: text(3),
  current: integer(4),
  total: integer(5),
  timestamp: embedded(6, TIMESTAMP),
  started: embedded(7, TIMESTAMP),
  completed: embedded(8, TIMESTAMP),
});

export interface VertexLog {
  readonly vertex: string;
  readonly timestamp: Timestamp | undefined;
  /** 1 stdout, 2 stderr. */
  readonly stream: number;
  readonly message: Uint8Array;
}
const VERTEX_LOG: Message<VertexLog> = message({
  vertex: text(1),
  timestamp: embedded(2, TIMESTAMP),
  stream: integer(3),
  message: bytes(4),
});

/** `pb.Position`; lines count from 1. */
interface Position {
  readonly line: number;
  readonly character: number;
}
const POSITION: Message<Position> = message({ line: integer(1), character: integer(2) });

/** `pb.Range` */
export interface WireRange {
  readonly start: Position | undefined;
  readonly end: Position | undefined;
}
const RANGE: Message<WireRange> = message({
  start: embedded(1, POSITION),
  end: embedded(2, POSITION),
});

/** `pb.SourceInfo` */
export interface WireSourceInfo {
  readonly fileName: string;
  readonly data: Uint8Array;
  readonly language: string;
}
const SOURCE_INFO: Message<WireSourceInfo> = message({
  fileName: text(1),
  data: bytes(2),
  language: text(4),
});

export interface VertexWarning {
  readonly vertex: string;
  readonly level: number;
  readonly short: Uint8Array;
  readonly detail: readonly Uint8Array[];
  readonly url: string;
  readonly info: WireSourceInfo | undefined;
  readonly ranges: readonly WireRange[];
}
const VERTEX_WARNING: Message<VertexWarning> = message({
  vertex: text(1),
  level: integer(2),
  short: bytes(3),
  detail: manyBytes(4),
  url: text(5),
  info: embedded(6, SOURCE_INFO),
  ranges: many(7, RANGE),
});

export interface StatusResponse {
  readonly vertices: readonly StatusVertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}
export const STATUS_RESPONSE: Message<StatusResponse> = message({
  vertices: many(1, STATUS_VERTEX),
  statuses: many(2, VERTEX_STATUS),
  logs: many(3, VERTEX_LOG),
  warnings: many(4, VERTEX_WARNING),
});

export interface ListWorkersResponse {
  readonly records: readonly WorkerRecord[];
}
export const LIST_WORKERS_RESPONSE: Message<ListWorkersResponse> = message({
  records: many(1, WORKER_RECORD),
});

export interface InfoResponse {
  readonly version: BuildkitVersion | undefined;
}
export const INFO_RESPONSE: Message<InfoResponse> = message({
  version: embedded(1, BUILDKIT_VERSION),
});

export interface DiskUsageRequest {
  readonly filters: readonly string[];
}
export const DISK_USAGE_REQUEST: Message<DiskUsageRequest> = message({ filters: texts(1) });

export interface PruneRequest {
  readonly filters: readonly string[];
  readonly all: boolean;
  readonly keepDurationNanos: bigint;
  readonly reservedBytes: number;
  readonly maxUsedBytes: number;
  readonly minFreeBytes: number;
}
export const PRUNE_REQUEST: Message<PruneRequest> = message({
  filters: texts(1),
  all: flag(2),
  keepDurationNanos: bigInteger(3),
  reservedBytes: integer(4),
  maxUsedBytes: integer(5),
  minFreeBytes: integer(6),
});

export interface UsageRecord {
  readonly id: string;
  readonly isMutable: boolean;
  readonly isInUse: boolean;
  readonly sizeBytes: number;
  readonly created: Timestamp | undefined;
  readonly lastUsed: Timestamp | undefined;
  readonly usageCount: number;
  readonly description: string;
  readonly recordType: string;
  readonly isShared: boolean;
  readonly parents: readonly string[];
}
export const USAGE_RECORD: Message<UsageRecord> = message({
  id: text(1),
  isMutable: flag(2),
  isInUse: flag(3),
  sizeBytes: integer(4),
  created: embedded(6, TIMESTAMP),
  lastUsed: embedded(7, TIMESTAMP),
  usageCount: integer(8),
  description: text(9),
  recordType: text(10),
  isShared: flag(11),
  parents: texts(12),
});

export interface DiskUsageResponse {
  readonly records: readonly UsageRecord[];
}
export const DISK_USAGE_RESPONSE: Message<DiskUsageResponse> = message({
  records: many(1, USAGE_RECORD),
});
