import {
  embedded,
  flag,
  integer,
  many,
  type Message,
  message,
  messageMap,
  text,
  textMap,
  texts,
} from "#base/protobuf/message.ts";
import { EXPORTER, type Exporter } from "./control.ts";
import { RPC_STATUS, type RpcStatus, type Timestamp, TIMESTAMP } from "./shared.ts";

/** `BuildHistoryRequest` */
export interface HistoryRequest {
  readonly isActiveOnly: boolean;
  /** Only this build; all where empty. */
  readonly ref: string;
  /** What is there is told, and no more is waited for. */
  readonly isEarlyExit: boolean;
  readonly filters: readonly string[];
  /** The newest so many; all where 0. */
  readonly limit: number;
}
export const HISTORY_REQUEST: Message<HistoryRequest> = message({
  isActiveOnly: flag(1),
  ref: text(2),
  isEarlyExit: flag(3),
  filters: texts(4),
  limit: integer(5),
});

/** `BuildHistoryEventType` */
export const HISTORY_STARTED = 0;
export const HISTORY_COMPLETE = 1;
export const HISTORY_DELETED = 2;

/** `Descriptor` of a blob that the content service gives. */
export interface HistoryBlob {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly annotations: ReadonlyMap<string, string>;
}
const HISTORY_BLOB: Message<HistoryBlob> = message({
  mediaType: text(1),
  digest: text(2),
  sizeBytes: integer(3),
  annotations: textMap(5),
});

interface NumberedBlob {
  readonly key: number;
  readonly value: HistoryBlob | undefined;
}
const NUMBERED_BLOB: Message<NumberedBlob> = message({
  key: integer(1),
  value: embedded(2, HISTORY_BLOB),
});

/** `BuildResultInfo` of one platform. */
export interface HistoryResult {
  readonly attestations: readonly HistoryBlob[];
  /** By number of the exporter. */
  readonly results: readonly NumberedBlob[];
}
const HISTORY_RESULT: Message<HistoryResult> = message({
  attestations: many(2, HISTORY_BLOB),
  results: many(3, NUMBERED_BLOB),
});

/** `BuildHistoryRecord` */
export interface HistoryRecord {
  readonly ref: string;
  readonly frontend: string;
  readonly frontendAttributes: ReadonlyMap<string, string>;
  readonly exporters: readonly Exporter[];
  readonly error: RpcStatus | undefined;
  readonly created: Timestamp | undefined;
  readonly completed: Timestamp | undefined;
  readonly logs: HistoryBlob | undefined;
  readonly exporterResponse: ReadonlyMap<string, string>;
  readonly result: HistoryResult | undefined;
  /** By platform, of several. */
  readonly results: ReadonlyMap<string, HistoryResult | undefined>;
  readonly generation: number;
  readonly isPinned: boolean;
  readonly cachedSteps: number;
  readonly totalSteps: number;
  readonly completedSteps: number;
  readonly warnings: number;
}
const HISTORY_RECORD: Message<HistoryRecord> = message({
  ref: text(1),
  frontend: text(2),
  frontendAttributes: textMap(3),
  exporters: many(4, EXPORTER),
  error: embedded(5, RPC_STATUS),
  created: embedded(6, TIMESTAMP),
  completed: embedded(7, TIMESTAMP),
  logs: embedded(8, HISTORY_BLOB),
  exporterResponse: textMap(9),
  result: embedded(10, HISTORY_RESULT),
  results: messageMap(11, HISTORY_RESULT),
  generation: integer(12),
  isPinned: flag(14),
  cachedSteps: integer(15),
  totalSteps: integer(16),
  completedSteps: integer(17),
  warnings: integer(19),
});

export interface HistoryEvent {
  readonly type: number;
  readonly record: HistoryRecord | undefined;
}
export const HISTORY_EVENT: Message<HistoryEvent> = message({
  type: integer(1),
  record: embedded(2, HISTORY_RECORD),
});

/** `UpdateBuildHistoryRequest` */
export interface UpdateHistoryRequest {
  readonly ref: string;
  readonly isPinned: boolean;
  readonly isDeleted: boolean;
  readonly isFinalized: boolean;
}
export const UPDATE_HISTORY_REQUEST: Message<UpdateHistoryRequest> = message({
  ref: text(1),
  isPinned: flag(2),
  isDeleted: flag(3),
  isFinalized: flag(4),
});
